CREATE SCHEMA "notifications";
--> statement-breakpoint
CREATE TABLE "notifications"."messages" (
	"order_id" text NOT NULL,
	"template" text NOT NULL,
	"channel" text NOT NULL,
	"tenant_id" text NOT NULL,
	"state" text NOT NULL,
	"attempts" integer NOT NULL,
	"last_error" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "messages_order_id_template_channel_pk" PRIMARY KEY("order_id","template","channel"),
	CONSTRAINT "messages_template_check" CHECK ("notifications"."messages"."template" in ('order-confirmed')),
	CONSTRAINT "messages_channel_check" CHECK ("notifications"."messages"."channel" in ('email')),
	CONSTRAINT "messages_state_check" CHECK ("notifications"."messages"."state" in ('PENDING', 'RETRYING', 'SENT', 'GAVE_UP')),
	CONSTRAINT "messages_attempts_check" CHECK (attempts >= 1)
);
