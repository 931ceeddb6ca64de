ALTER TABLE "payments"."waiting_steps" ALTER COLUMN "failed_at" SET DATA TYPE timestamp (6) with time zone;--> statement-breakpoint
ALTER TABLE "payments"."waiting_steps" ALTER COLUMN "failed_at" SET DEFAULT now();--> statement-breakpoint
ALTER TABLE "payments"."waiting_steps" ALTER COLUMN "woken_at" SET DATA TYPE timestamp (6) with time zone;--> statement-breakpoint
ALTER TABLE "payments"."waiting_steps" ALTER COLUMN "due_at" SET DATA TYPE timestamp (6) with time zone;