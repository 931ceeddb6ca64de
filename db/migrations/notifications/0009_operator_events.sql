CREATE TABLE "notifications"."operator_alerts" (
	"event_id" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"tenant_id" text NOT NULL,
	"cause" text NOT NULL,
	"case_id" text,
	"count" integer NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"mail_id" text,
	"claimed_at" timestamp (3) with time zone,
	"mailed_at" timestamp (3) with time zone,
	CONSTRAINT "operator_alerts_kind_check" CHECK ("notifications"."operator_alerts"."kind" in ('case.opened', 'event.failed'))
);
--> statement-breakpoint
ALTER TABLE "notifications"."webhook_subscriptions" DROP CONSTRAINT "webhook_subscriptions_events_check";--> statement-breakpoint
CREATE INDEX "operator_alerts_open_idx" ON "notifications"."operator_alerts" USING btree ("mail_id","at") WHERE mailed_at IS NULL;--> statement-breakpoint
CREATE INDEX "operator_alerts_claimed_idx" ON "notifications"."operator_alerts" USING btree ("claimed_at");--> statement-breakpoint
ALTER TABLE "notifications"."webhook_subscriptions" ADD CONSTRAINT "webhook_subscriptions_events_check" CHECK (cardinality(event_types) >= 1 AND event_types <@ ARRAY['order.*', 'order.created', 'order.awaiting_capture', 'order.confirmed', 'order.captured', 'order.rejected', 'order.expired', 'order.cancelling', 'order.cancelled', 'order.refunding', 'order.partially_refunded', 'order.refunded', 'case.*', 'case.opened', 'case.resolved', 'event.failed']::text[]);