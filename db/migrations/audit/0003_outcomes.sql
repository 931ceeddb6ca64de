CREATE TABLE "audit"."operator_outcomes" (
	"action_id" text NOT NULL,
	"request_id" text NOT NULL,
	"tenant_id" text NOT NULL,
	"status" integer NOT NULL,
	"code" text,
	"counts" jsonb,
	"at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "operator_outcomes_action_id_request_id_pk" PRIMARY KEY("action_id","request_id")
);
--> statement-breakpoint
ALTER TABLE "audit"."operator_actions" ADD COLUMN "request_id" text;--> statement-breakpoint
CREATE INDEX "operator_actions_at_idx" ON "audit"."operator_actions" USING btree ("tenant_id","at" DESC NULLS LAST,"action_id" DESC NULLS LAST);