CREATE INDEX "attempts_at_idx" ON "payments"."attempts" USING brin ("at");--> statement-breakpoint
CREATE INDEX "operation_changes_at_idx" ON "payments"."operation_changes" USING brin ("at");--> statement-breakpoint
CREATE INDEX "payment_notices_arrived_idx" ON "payments"."payment_notices" USING brin ("received_at");