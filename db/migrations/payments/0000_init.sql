CREATE SCHEMA "payments";
--> statement-breakpoint
CREATE TABLE "payments"."balances" (
	"order_id" text PRIMARY KEY NOT NULL,
	"tenant_id" text NOT NULL,
	"authorized_minor" bigint DEFAULT 0 NOT NULL,
	"captured_minor" bigint DEFAULT 0 NOT NULL,
	"refunded_minor" bigint DEFAULT 0 NOT NULL,
	"voided" boolean DEFAULT false NOT NULL,
	CONSTRAINT "balances_order_check" CHECK (0 <= refunded_minor and refunded_minor <= captured_minor and captured_minor <= authorized_minor)
);
--> statement-breakpoint
CREATE TABLE "payments"."operations" (
	"key" text PRIMARY KEY NOT NULL,
	"order_id" text NOT NULL,
	"tenant_id" text NOT NULL,
	"kind" text NOT NULL,
	"generation" integer NOT NULL,
	"amount_minor" bigint NOT NULL,
	"currency" char(3) NOT NULL,
	"state" text NOT NULL,
	"decline_code" text,
	"provider_ref" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "operations_kind_check" CHECK ("payments"."operations"."kind" in ('sale', 'authorize', 'capture', 'void', 'refund')),
	CONSTRAINT "operations_state_check" CHECK ("payments"."operations"."state" in ('SUCCEEDED', 'DECLINED', 'UNKNOWN', 'FAILED')),
	CONSTRAINT "operations_amount_check" CHECK (amount_minor >= 0),
	CONSTRAINT "operations_generation_check" CHECK (generation >= 1)
);
--> statement-breakpoint
CREATE UNIQUE INDEX "operations_generation_idx" ON "payments"."operations" USING btree ("order_id","kind","generation");--> statement-breakpoint
CREATE INDEX "operations_unknown_idx" ON "payments"."operations" USING btree ("updated_at") WHERE state = 'UNKNOWN';