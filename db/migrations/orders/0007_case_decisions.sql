CREATE TABLE "orders"."case_decisions" (
	"decision_id" text PRIMARY KEY NOT NULL,
	"case_id" text NOT NULL,
	"order_id" text NOT NULL,
	"tenant_id" text NOT NULL,
	"case_version" integer NOT NULL,
	"action" text NOT NULL,
	"patch" jsonb,
	"evidence" text,
	"actor" text NOT NULL,
	"reason" text NOT NULL,
	"state" text NOT NULL,
	"deliveries" integer DEFAULT 0 NOT NULL,
	"due_at" timestamp (3) with time zone NOT NULL,
	"decided_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"ended_at" timestamp (3) with time zone,
	CONSTRAINT "case_decisions_action_check" CHECK ("orders"."case_decisions"."action" in ('retry', 'retryWith', 'skip', 'abort', 'forceResolve', 'withdraw')),
	CONSTRAINT "case_decisions_state_check" CHECK ("orders"."case_decisions"."state" in ('proposed', 'decided', 'carried_out', 'failed_again', 'withdrawn', 'refused')),
	CONSTRAINT "case_decisions_ended_check" CHECK ((state in ('decided', 'proposed')) = (ended_at is null))
);
--> statement-breakpoint
ALTER TABLE "orders"."cases" ADD COLUMN "step_name" text GENERATED ALWAYS AS (split_part(step, '@', 1)) STORED NOT NULL;--> statement-breakpoint
ALTER TABLE "orders"."cases" ADD COLUMN "mismatch" jsonb;--> statement-breakpoint
CREATE UNIQUE INDEX "case_decisions_one_on_its_way_idx" ON "orders"."case_decisions" USING btree ("case_id") WHERE state = 'decided';--> statement-breakpoint
CREATE INDEX "case_decisions_case_idx" ON "orders"."case_decisions" USING btree ("case_id");--> statement-breakpoint
CREATE INDEX "case_decisions_due_idx" ON "orders"."case_decisions" USING btree ("due_at") WHERE state in ('decided', 'proposed');--> statement-breakpoint
CREATE UNIQUE INDEX "cases_one_open_per_workflow_idx" ON "orders"."cases" USING btree ("order_id","step_name","workflow_id") WHERE state = 'open';