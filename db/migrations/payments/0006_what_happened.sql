CREATE TABLE "payments"."attempts" (
	"order_id" text NOT NULL,
	"attempt_id" text NOT NULL,
	"position" bigserial NOT NULL,
	"tenant_id" text NOT NULL,
	"key" text NOT NULL,
	"kind" text NOT NULL,
	"generation" integer NOT NULL,
	"call" text NOT NULL,
	"amount_minor" bigint,
	"currency" char(3) NOT NULL,
	"method" text,
	"outcome" text NOT NULL,
	"code" text,
	"provider_ref" text,
	"step" text NOT NULL,
	"duration_ms" integer NOT NULL,
	"at" timestamp (6) with time zone NOT NULL,
	CONSTRAINT "attempts_order_id_attempt_id_pk" PRIMARY KEY("order_id","attempt_id"),
	CONSTRAINT "attempts_key_check" CHECK (key = order_id || ':' || kind || ':' || generation),
	CONSTRAINT "attempts_call_check" CHECK ("payments"."attempts"."call" in ('charge', 'lookup', 'void', 'capture', 'refund')),
	CONSTRAINT "attempts_outcome_check" CHECK ("payments"."attempts"."outcome" in ('succeeded', 'declined', 'voided', 'captured', 'not_chargeable', 'gone', 'absent', 'unknown', 'not_sent', 'mismatch', 'refused', 'failed'))
);
--> statement-breakpoint
CREATE TABLE "payments"."operation_changes" (
	"order_id" text NOT NULL,
	"position" bigserial NOT NULL,
	"tenant_id" text NOT NULL,
	"key" text NOT NULL,
	"kind" text NOT NULL,
	"generation" integer NOT NULL,
	"state" text NOT NULL,
	"amount_minor" bigint NOT NULL,
	"currency" char(3) NOT NULL,
	"decline_code" text,
	"provider_ref" text,
	"at" timestamp (6) with time zone NOT NULL,
	CONSTRAINT "operation_changes_order_id_position_pk" PRIMARY KEY("order_id","position")
);
