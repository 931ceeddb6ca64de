CREATE TABLE "notifications"."webhook_deliveries" (
	"delivery_id" text PRIMARY KEY NOT NULL,
	"subscription_id" text NOT NULL,
	"tenant_id" text NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "notifications"."webhook_deliveries_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"event_id" text NOT NULL,
	"event_type" text NOT NULL,
	"event_key" text NOT NULL,
	"body" text NOT NULL,
	"state" text NOT NULL,
	"attempts" integer NOT NULL,
	"last_status" integer,
	"last_error" text,
	"response_excerpt" text,
	"next_attempt_at" timestamp (3) with time zone,
	"delivered_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "webhook_deliveries_event_key" UNIQUE("subscription_id","event_id"),
	CONSTRAINT "webhook_deliveries_state_check" CHECK ("notifications"."webhook_deliveries"."state" in ('PENDING', 'RETRYING', 'DELIVERED', 'GAVE_UP', 'CANCELLED')),
	CONSTRAINT "webhook_deliveries_attempts_check" CHECK (attempts >= 0),
	CONSTRAINT "webhook_deliveries_next_check" CHECK ((state = 'RETRYING') = (next_attempt_at IS NOT NULL)),
	CONSTRAINT "webhook_deliveries_excerpt_check" CHECK (length(response_excerpt) <= 512)
);
--> statement-breakpoint
CREATE TABLE "notifications"."webhook_subscriptions" (
	"subscription_id" text PRIMARY KEY NOT NULL,
	"tenant_id" text NOT NULL,
	"request_hash" text NOT NULL,
	"url" text NOT NULL,
	"event_types" text[] NOT NULL,
	"sealed_secret" jsonb,
	"state" text NOT NULL,
	"disabled_reason" text,
	"disabled_at" timestamp (3) with time zone,
	"failing_since" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "webhook_subscriptions_state_check" CHECK ("notifications"."webhook_subscriptions"."state" in ('ACTIVE', 'DISABLED', 'DELETED')),
	CONSTRAINT "webhook_subscriptions_reason_check" CHECK ("notifications"."webhook_subscriptions"."disabled_reason" in ('gone', 'failing')),
	CONSTRAINT "webhook_subscriptions_disabled_check" CHECK ((state = 'DISABLED') = (disabled_at IS NOT NULL)),
	CONSTRAINT "webhook_subscriptions_secret_check" CHECK ((state = 'DELETED') = (sealed_secret IS NULL)),
	CONSTRAINT "webhook_subscriptions_url_check" CHECK (length(url) <= 2048),
	CONSTRAINT "webhook_subscriptions_events_check" CHECK (cardinality(event_types) >= 1 AND event_types <@ ARRAY['order.*', 'order.created', 'order.awaiting_capture', 'order.confirmed', 'order.rejected', 'order.expired', 'order.cancelling', 'order.cancelled', 'order.refunding', 'order.partially_refunded', 'order.refunded']::text[])
);
--> statement-breakpoint
ALTER TABLE "notifications"."messages" DROP CONSTRAINT "messages_channel_check";--> statement-breakpoint
ALTER TABLE "notifications"."webhook_deliveries" ADD CONSTRAINT "webhook_deliveries_subscription_id_webhook_subscriptions_subscription_id_fk" FOREIGN KEY ("subscription_id") REFERENCES "notifications"."webhook_subscriptions"("subscription_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "webhook_deliveries_log_idx" ON "notifications"."webhook_deliveries" USING btree ("subscription_id","seq");--> statement-breakpoint
CREATE INDEX "webhook_deliveries_open_idx" ON "notifications"."webhook_deliveries" USING btree ("subscription_id","event_key","seq") WHERE state IN ('PENDING', 'RETRYING');--> statement-breakpoint
CREATE INDEX "webhook_subscriptions_tenant_idx" ON "notifications"."webhook_subscriptions" USING btree ("tenant_id","created_at","subscription_id");--> statement-breakpoint
ALTER TABLE "notifications"."messages" ADD CONSTRAINT "messages_channel_check" CHECK ("notifications"."messages"."channel" in ('email', 'sms'));