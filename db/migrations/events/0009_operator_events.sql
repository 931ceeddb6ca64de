CREATE TABLE "events"."failure_outbox" (
	"position" bigserial PRIMARY KEY NOT NULL,
	"consumer" text NOT NULL,
	"partition" smallint NOT NULL,
	"tenant_id" text NOT NULL,
	"topic" text NOT NULL,
	"error_code" text NOT NULL,
	"count" integer DEFAULT 1 NOT NULL,
	"sequence" bigint NOT NULL,
	"received_at" timestamp (3) with time zone NOT NULL,
	"event_id" text NOT NULL,
	"type" text NOT NULL,
	"attempts" integer NOT NULL,
	"failed_at" timestamp (3) with time zone NOT NULL,
	"last_sequence" bigint NOT NULL,
	"taken" boolean DEFAULT false NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX "failure_outbox_open_idx" ON "events"."failure_outbox" USING btree ("consumer","partition","tenant_id","topic","error_code") WHERE NOT taken;