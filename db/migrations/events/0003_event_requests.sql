CREATE TABLE "events"."event_requests" (
	"request_id" text PRIMARY KEY NOT NULL,
	"request_hash" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE INDEX "event_requests_created_idx" ON "events"."event_requests" USING brin ("created_at");