ALTER TABLE "orders"."cases" ADD COLUMN "trace_id" text;--> statement-breakpoint
ALTER TABLE "orders"."orders" ADD COLUMN "traceparent" text;