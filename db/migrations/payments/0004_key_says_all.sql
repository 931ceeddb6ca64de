DROP INDEX "payments"."operations_generation_idx";--> statement-breakpoint
CREATE INDEX "operations_order_idx" ON "payments"."operations" USING btree ("order_id","kind","generation");--> statement-breakpoint
ALTER TABLE "payments"."operations" ADD CONSTRAINT "operations_key_check" CHECK (key = order_id || ':' || kind || ':' || generation);