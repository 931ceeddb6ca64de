ALTER TABLE "orders"."order_commands" DROP CONSTRAINT "order_commands_kind_check";--> statement-breakpoint
ALTER TABLE "orders"."order_commands" DROP CONSTRAINT "order_commands_decision_check";--> statement-breakpoint
ALTER TABLE "orders"."orders" DROP CONSTRAINT "orders_rejected_has_reason_check";--> statement-breakpoint
ALTER TABLE "orders"."order_commands" ADD COLUMN "turn" integer;--> statement-breakpoint
ALTER TABLE "orders"."orders" ADD COLUMN "owner_command_id" text;--> statement-breakpoint
ALTER TABLE "orders"."orders" ADD COLUMN "capture_count" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "orders"."orders" ADD COLUMN "refund_count" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
UPDATE orders.orders o SET capture_count = c.captures, refund_count = c.refunds FROM (
	SELECT order_id, coalesce(max(generation) FILTER (WHERE kind = 'capture'), 0) AS captures,
		coalesce(max(generation) FILTER (WHERE kind <> 'capture'), 0) AS refunds
	FROM orders.order_commands WHERE generation IS NOT NULL GROUP BY order_id
) c WHERE c.order_id = o.order_id;--> statement-breakpoint
-- Two captures that were decided at once had one number, and one effect at the provider: it belongs to the first.
UPDATE orders.order_commands later SET generation = NULL WHERE generation IS NOT NULL AND EXISTS (
	SELECT FROM orders.order_commands first WHERE first.order_id = later.order_id AND first.generation = later.generation
		AND (first.kind = 'capture') = (later.kind = 'capture')
		AND (first.answered_at, first.command_id) < (later.answered_at, later.command_id)
);--> statement-breakpoint
CREATE UNIQUE INDEX "order_commands_generation_idx" ON "orders"."order_commands" USING btree ("order_id",(kind = 'capture'),"generation") WHERE generation is not null;--> statement-breakpoint
CREATE INDEX "orders_owned_idx" ON "orders"."orders" USING btree ("order_id") WHERE owner_command_id is not null;--> statement-breakpoint
ALTER TABLE "orders"."order_commands" ADD CONSTRAINT "order_commands_kind_check" CHECK ("orders"."order_commands"."kind" in ('cancel', 'capture', 'refund', 'give_back'));--> statement-breakpoint
ALTER TABLE "orders"."order_commands" ADD CONSTRAINT "order_commands_decision_check" CHECK ("orders"."order_commands"."decision" in ('will_cancel', 'will_refund', 'accepted', 'too_late', 'busy', 'amount_exceeds_authorized', 'amount_exceeds_captured', 'capture_not_supported'));--> statement-breakpoint
ALTER TABLE "orders"."orders" ADD CONSTRAINT "orders_rejected_has_reason_check" CHECK ((status = 'REJECTED') = (reason is not null) or status in ('CANCELLED', 'EXPIRED'));