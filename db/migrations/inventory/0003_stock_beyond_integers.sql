-- Both columns in one command each, so that every table is written anew once only.
ALTER TABLE "inventory"."stock" ALTER COLUMN "on_hand" SET DATA TYPE bigint, ALTER COLUMN "reserved" SET DATA TYPE bigint;--> statement-breakpoint
ALTER TABLE "inventory"."stock_movements" ALTER COLUMN "on_hand_delta" SET DATA TYPE bigint, ALTER COLUMN "reserved_delta" SET DATA TYPE bigint;--> statement-breakpoint
ALTER TABLE "inventory"."stock" ADD CONSTRAINT "stock_on_hand_check" CHECK (on_hand <= 9007199254740991);
