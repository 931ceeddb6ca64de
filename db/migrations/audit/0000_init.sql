CREATE SCHEMA "audit";
--> statement-breakpoint
CREATE TABLE "audit"."operator_actions" (
	"action_id" text PRIMARY KEY NOT NULL,
	"tenant_id" text NOT NULL,
	"actor" text NOT NULL,
	"action" text NOT NULL,
	"subject" text NOT NULL,
	"order_id" text,
	"reason" text,
	"before" jsonb,
	"after" jsonb,
	"at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE INDEX "operator_actions_subject_idx" ON "audit"."operator_actions" USING btree ("tenant_id","subject");--> statement-breakpoint
CREATE INDEX "operator_actions_order_idx" ON "audit"."operator_actions" USING btree ("order_id");