CREATE TABLE "payments"."payment_notices" (
	"provider" text NOT NULL,
	"event_id" text NOT NULL,
	"kind" text NOT NULL,
	"order_id" text,
	"key" text,
	"charge_ref" text,
	"amount_minor" bigint,
	"currency" text,
	"occurred_at" timestamp (3) with time zone NOT NULL,
	"received_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"state" text DEFAULT 'RECEIVED' NOT NULL,
	"outcome" text,
	"applied_at" timestamp (3) with time zone,
	CONSTRAINT "payment_notices_provider_event_id_pk" PRIMARY KEY("provider","event_id"),
	CONSTRAINT "payment_notices_provider_check" CHECK ("payments"."payment_notices"."provider" in ('simulator', 'stripe')),
	CONSTRAINT "payment_notices_kind_check" CHECK ("payments"."payment_notices"."kind" in ('charge_succeeded', 'charge_failed', 'refunded', 'refund_failed', 'disputed', 'other')),
	CONSTRAINT "payment_notices_state_check" CHECK ("payments"."payment_notices"."state" in ('RECEIVED', 'APPLIED')),
	CONSTRAINT "payment_notices_outcome_check" CHECK ("payments"."payment_notices"."outcome" in ('known', 'of_no_concern', 'looked_up', 'given_back', 'put_aside')),
	CONSTRAINT "payment_notices_applied_check" CHECK ((state = 'APPLIED') = (outcome is not null) and (outcome is null) = (applied_at is null))
);
--> statement-breakpoint
CREATE INDEX "payment_notices_order_idx" ON "payments"."payment_notices" USING btree ("order_id");--> statement-breakpoint
CREATE INDEX "payment_notices_key_idx" ON "payments"."payment_notices" USING btree ("key");--> statement-breakpoint
CREATE INDEX "payment_notices_received_idx" ON "payments"."payment_notices" USING btree ("received_at") WHERE state = 'RECEIVED';--> statement-breakpoint
CREATE INDEX "operations_charge_ref_idx" ON "payments"."operations" USING btree ("provider_ref") WHERE kind in ('sale', 'authorize');