CREATE TABLE "notifications"."message_attempts" (
	"order_id" text NOT NULL,
	"template" text NOT NULL,
	"channel" text NOT NULL,
	"attempt" integer NOT NULL,
	"tenant_id" text NOT NULL,
	"outcome" text NOT NULL,
	"at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "message_attempts_order_id_template_channel_attempt_pk" PRIMARY KEY("order_id","template","channel","attempt"),
	CONSTRAINT "message_attempts_outcome_check" CHECK ("notifications"."message_attempts"."outcome" in ('PENDING', 'RETRYING', 'SENT', 'GAVE_UP'))
);
