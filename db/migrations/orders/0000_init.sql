CREATE SCHEMA "orders";
--> statement-breakpoint
CREATE TABLE "orders"."cases" (
	"case_id" text PRIMARY KEY NOT NULL,
	"order_id" text NOT NULL,
	"tenant_id" text NOT NULL,
	"step" text NOT NULL,
	"error_code" text NOT NULL,
	"message" text NOT NULL,
	"fingerprint" text NOT NULL,
	"attempts" integer NOT NULL,
	"state" text NOT NULL,
	"resolution" text,
	"version" integer NOT NULL,
	"opened_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"last_seen_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"resolved_at" timestamp (3) with time zone,
	CONSTRAINT "cases_state_check" CHECK ("orders"."cases"."state" in ('open', 'resolved')),
	CONSTRAINT "cases_resolved_check" CHECK ((state = 'resolved') = (resolved_at is not null)),
	CONSTRAINT "cases_attempts_check" CHECK (attempts >= 1)
);
--> statement-breakpoint
CREATE TABLE "orders"."order_events" (
	"order_id" text NOT NULL,
	"seq" integer NOT NULL,
	"position" bigserial NOT NULL,
	"tenant_id" text NOT NULL,
	"type" text NOT NULL,
	"from_status" text,
	"to_status" text,
	"actor" text NOT NULL,
	"data" jsonb NOT NULL,
	"at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "order_events_order_id_seq_pk" PRIMARY KEY("order_id","seq"),
	CONSTRAINT "order_events_from_check" CHECK ("orders"."order_events"."from_status" in ('PENDING', 'AWAITING_CAPTURE', 'CONFIRMED', 'REJECTED', 'CANCELLING', 'CANCELLED', 'EXPIRED', 'REFUNDING', 'PARTIALLY_REFUNDED', 'REFUNDED')),
	CONSTRAINT "order_events_to_check" CHECK ("orders"."order_events"."to_status" in ('PENDING', 'AWAITING_CAPTURE', 'CONFIRMED', 'REJECTED', 'CANCELLING', 'CANCELLED', 'EXPIRED', 'REFUNDING', 'PARTIALLY_REFUNDED', 'REFUNDED'))
);
--> statement-breakpoint
CREATE TABLE "orders"."order_lines" (
	"order_id" text NOT NULL,
	"sku" text NOT NULL,
	"quantity" integer NOT NULL,
	CONSTRAINT "order_lines_order_id_sku_pk" PRIMARY KEY("order_id","sku"),
	CONSTRAINT "order_lines_quantity_check" CHECK (quantity between 1 and 1000)
);
--> statement-breakpoint
CREATE TABLE "orders"."orders" (
	"order_id" text PRIMARY KEY NOT NULL,
	"tenant_id" text NOT NULL,
	"idempotency_key" text NOT NULL,
	"request_hash" text NOT NULL,
	"first_execution_run_id" text NOT NULL,
	"correlation_id" text NOT NULL,
	"customer_id" text NOT NULL,
	"sealed_contact" jsonb,
	"currency" char(3) NOT NULL,
	"payment_method" text NOT NULL,
	"capture_mode" text NOT NULL,
	"expected_total_minor" bigint,
	"reference" text,
	"status" text NOT NULL,
	"refusal" jsonb,
	"reason" text,
	"reason_details" jsonb,
	"total_minor" bigint,
	"version" integer NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "orders_status_check" CHECK ("orders"."orders"."status" in ('PENDING', 'AWAITING_CAPTURE', 'CONFIRMED', 'REJECTED', 'CANCELLING', 'CANCELLED', 'EXPIRED', 'REFUNDING', 'PARTIALLY_REFUNDED', 'REFUNDED')),
	CONSTRAINT "orders_reason_check" CHECK ("orders"."orders"."reason" in ('out_of_stock', 'unknown_sku', 'price_changed', 'currency_mismatch', 'payment_declined', 'payment_expired', 'operator_aborted')),
	CONSTRAINT "orders_capture_mode_check" CHECK ("orders"."orders"."capture_mode" in ('automatic', 'manual')),
	CONSTRAINT "orders_rejected_has_reason_check" CHECK ((status = 'REJECTED') = (reason is not null) or status = 'CANCELLED'),
	CONSTRAINT "orders_confirmed_has_total_check" CHECK (status <> 'CONFIRMED' or total_minor is not null),
	CONSTRAINT "orders_version_check" CHECK (version >= 1)
);
--> statement-breakpoint
CREATE TABLE "orders"."rate_limits" (
	"key" text PRIMARY KEY NOT NULL,
	"points" integer DEFAULT 0 NOT NULL,
	"expire" bigint
);
--> statement-breakpoint
CREATE UNIQUE INDEX "cases_one_open_per_step_idx" ON "orders"."cases" USING btree ("order_id","step") WHERE state = 'open';--> statement-breakpoint
CREATE INDEX "cases_tenant_state_idx" ON "orders"."cases" USING btree ("tenant_id","state","opened_at" DESC NULLS LAST);--> statement-breakpoint
CREATE UNIQUE INDEX "orders_tenant_key_idx" ON "orders"."orders" USING btree ("tenant_id","idempotency_key");--> statement-breakpoint
CREATE INDEX "orders_tenant_created_idx" ON "orders"."orders" USING btree ("tenant_id","created_at" DESC NULLS LAST,"order_id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "orders_tenant_customer_idx" ON "orders"."orders" USING btree ("tenant_id","customer_id","created_at" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "orders_tenant_reference_idx" ON "orders"."orders" USING btree ("tenant_id","reference") WHERE reference is not null;--> statement-breakpoint
CREATE INDEX "orders_in_motion_idx" ON "orders"."orders" USING btree ("created_at") WHERE status in ('PENDING', 'CANCELLING', 'REFUNDING');