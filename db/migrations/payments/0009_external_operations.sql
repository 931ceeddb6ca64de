ALTER TABLE "payments"."operations" DROP CONSTRAINT "operations_key_check";--> statement-breakpoint
ALTER TABLE "payments"."operations" DROP CONSTRAINT "operations_generation_check";--> statement-breakpoint
ALTER TABLE "payments"."payment_notices" ADD COLUMN "movement_ref" text;--> statement-breakpoint
ALTER TABLE "payments"."operations" ADD CONSTRAINT "operations_external_check" CHECK (generation > 0 or (kind in ('capture', 'refund') and state = 'SUCCEEDED' and provider_ref is not null));--> statement-breakpoint
ALTER TABLE "payments"."operations" ADD CONSTRAINT "operations_key_check" CHECK (key = order_id || ':' || kind || ':' || case when generation > 0 then generation::text else 'external:' || provider_ref end);--> statement-breakpoint
ALTER TABLE "payments"."operations" ADD CONSTRAINT "operations_generation_check" CHECK (generation >= 0);