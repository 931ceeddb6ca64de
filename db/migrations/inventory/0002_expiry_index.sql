DROP INDEX "inventory"."reservations_expiry_idx";--> statement-breakpoint
CREATE INDEX "reservations_expiry_idx" ON "inventory"."reservations" USING btree ("expires_at") WHERE expires_at is not null;