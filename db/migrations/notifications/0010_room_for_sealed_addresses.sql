ALTER TABLE "notifications"."webhook_subscriptions" DROP CONSTRAINT "webhook_subscriptions_url_check";--> statement-breakpoint
CREATE INDEX "message_attempts_at_idx" ON "notifications"."message_attempts" USING brin ("at");--> statement-breakpoint
CREATE INDEX "messages_created_idx" ON "notifications"."messages" USING brin ("created_at");--> statement-breakpoint
ALTER TABLE "notifications"."webhook_subscriptions" ADD CONSTRAINT "webhook_subscriptions_url_check" CHECK (length(url) <= 4096);