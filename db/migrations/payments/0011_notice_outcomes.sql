-- The outcomes of notices have plain names: of_no_concern is ignored, put_aside is dismissed.
ALTER TABLE "payments"."payment_notices" DROP CONSTRAINT "payment_notices_outcome_check";--> statement-breakpoint
UPDATE "payments"."payment_notices" SET "outcome" = CASE "outcome" WHEN 'of_no_concern' THEN 'ignored' ELSE 'dismissed' END
WHERE "outcome" IN ('of_no_concern', 'put_aside');--> statement-breakpoint
ALTER TABLE "payments"."payment_notices" ADD CONSTRAINT "payment_notices_outcome_check" CHECK ("payments"."payment_notices"."outcome" in ('known', 'ignored', 'looked_up', 'given_back', 'dismissed'));
