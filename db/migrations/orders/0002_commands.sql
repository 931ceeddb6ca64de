CREATE TABLE "orders"."order_commands" (
	"command_id" text PRIMARY KEY NOT NULL,
	"order_id" text NOT NULL,
	"tenant_id" text NOT NULL,
	"kind" text NOT NULL,
	"request_hash" text NOT NULL,
	"actor" text NOT NULL,
	"reason" text,
	"amount_minor" bigint,
	"decision" text NOT NULL,
	"generation" integer,
	"answered_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "order_commands_kind_check" CHECK ("orders"."order_commands"."kind" in ('cancel', 'capture', 'refund')),
	CONSTRAINT "order_commands_decision_check" CHECK ("orders"."order_commands"."decision" in ('will_cancel', 'will_refund', 'accepted', 'too_late', 'busy', 'amount_exceeds_authorized', 'amount_exceeds_captured')),
	CONSTRAINT "order_commands_amount_check" CHECK (amount_minor > 0)
);
--> statement-breakpoint
ALTER TABLE "orders"."cases" ADD COLUMN "workflow_id" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "orders"."cases" ADD COLUMN "input" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "orders"."cases" ADD COLUMN "actions" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "orders"."cases" ADD COLUMN "owner" text;--> statement-breakpoint
ALTER TABLE "orders"."cases" ADD COLUMN "proposal" jsonb;--> statement-breakpoint
ALTER TABLE "orders"."orders" ADD COLUMN "confirmed_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "orders"."orders" ADD COLUMN "capture_by" timestamp (3) with time zone;--> statement-breakpoint
CREATE INDEX "order_commands_order_idx" ON "orders"."order_commands" USING btree ("order_id");--> statement-breakpoint
CREATE INDEX "cases_fingerprint_idx" ON "orders"."cases" USING btree ("tenant_id","fingerprint") WHERE state = 'open';