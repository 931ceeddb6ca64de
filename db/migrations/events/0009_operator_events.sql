CREATE TABLE "events"."failure_outbox" (
	"position" bigserial PRIMARY KEY NOT NULL,
	"consumer" text NOT NULL,
	"partition" smallint NOT NULL,
	"sequence" bigint NOT NULL,
	"received_at" timestamp (3) with time zone NOT NULL,
	"tenant_id" text NOT NULL,
	"event_id" text NOT NULL,
	"type" text NOT NULL,
	"error_code" text NOT NULL,
	"attempts" integer NOT NULL,
	"failed_at" timestamp (3) with time zone NOT NULL
);
