CREATE SCHEMA "events";
--> statement-breakpoint
CREATE TABLE "events"."consumers" (
	"name" text PRIMARY KEY NOT NULL,
	"paused_at" timestamp (3) with time zone,
	"paused_by" text,
	CONSTRAINT "consumers_name_check" CHECK ("events"."consumers"."name" in ('analytics', 'webhooks'))
);
--> statement-breakpoint
CREATE TABLE "events"."cursors" (
	"consumer" text NOT NULL,
	"partition" smallint NOT NULL,
	"sequence" bigint DEFAULT 0 NOT NULL,
	"received_at" timestamp (3) with time zone DEFAULT 'epoch' NOT NULL,
	"furthest" bigint DEFAULT 0 NOT NULL,
	"epoch" bigint DEFAULT 1 NOT NULL,
	"owner" text NOT NULL,
	"processed" bigint DEFAULT 0 NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "cursors_consumer_partition_pk" PRIMARY KEY("consumer","partition"),
	CONSTRAINT "cursors_consumer_check" CHECK ("events"."cursors"."consumer" in ('analytics', 'webhooks')),
	CONSTRAINT "cursors_sequence_check" CHECK (sequence >= 0)
);
--> statement-breakpoint
CREATE TABLE "events"."event_ids" (
	"tenant_id" text NOT NULL,
	"event_id" text NOT NULL,
	"partition" smallint NOT NULL,
	"sequence" bigint NOT NULL,
	"received_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "event_ids_tenant_id_event_id_pk" PRIMARY KEY("tenant_id","event_id")
);
--> statement-breakpoint
CREATE TABLE "events"."failed_events" (
	"consumer" text NOT NULL,
	"partition" smallint NOT NULL,
	"sequence" bigint NOT NULL,
	"received_at" timestamp (3) with time zone NOT NULL,
	"tenant_id" text NOT NULL,
	"event_id" text NOT NULL,
	"type" text NOT NULL,
	"key" text NOT NULL,
	"error_code" text NOT NULL,
	"error_message" text NOT NULL,
	"attempts" integer NOT NULL,
	"properties" jsonb NOT NULL,
	"failed_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "failed_events_consumer_partition_sequence_pk" PRIMARY KEY("consumer","partition","sequence"),
	CONSTRAINT "failed_events_consumer_check" CHECK ("events"."failed_events"."consumer" in ('analytics', 'webhooks')),
	CONSTRAINT "failed_events_code_check" CHECK ("events"."failed_events"."error_code" in ('invalid_event', 'unknown_event_type', 'effect_unavailable', 'unclassified')),
	CONSTRAINT "failed_events_attempts_check" CHECK (attempts >= 1)
);
--> statement-breakpoint
CREATE TABLE "events"."partitions" (
	"partition" smallint PRIMARY KEY NOT NULL,
	"next_sequence" bigint DEFAULT 1 NOT NULL,
	"last_received_at" timestamp (3) with time zone DEFAULT 'epoch' NOT NULL
);
--> statement-breakpoint
CREATE TABLE "events"."processed_events" (
	"consumer" text NOT NULL,
	"partition" smallint NOT NULL,
	"sequence" bigint NOT NULL,
	"received_at" timestamp (3) with time zone NOT NULL,
	"tenant_id" text NOT NULL,
	"event_id" text NOT NULL,
	"type" text NOT NULL,
	"category" text NOT NULL,
	"worker_id" text NOT NULL,
	"processed_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "processed_events_consumer_partition_sequence_received_at_pk" PRIMARY KEY("consumer","partition","sequence","received_at"),
	CONSTRAINT "processed_events_consumer_check" CHECK ("events"."processed_events"."consumer" in ('analytics', 'webhooks'))
) PARTITION BY RANGE ("received_at");
--> statement-breakpoint
CREATE TABLE "events"."raw_events" (
	"partition" smallint NOT NULL,
	"sequence" bigint NOT NULL,
	"received_at" timestamp (3) with time zone NOT NULL,
	"tenant_id" text NOT NULL,
	"event_id" text NOT NULL,
	"type" text NOT NULL,
	"key" text NOT NULL,
	"user_id" text,
	"source" text NOT NULL,
	"correlation_id" text NOT NULL,
	"occurred_at" timestamp (3) with time zone NOT NULL,
	"properties" jsonb NOT NULL,
	CONSTRAINT "raw_events_partition_sequence_received_at_pk" PRIMARY KEY("partition","sequence","received_at")
) PARTITION BY RANGE ("received_at");
--> statement-breakpoint
CREATE TABLE "events"."retrying_events" (
	"consumer" text NOT NULL,
	"partition" smallint NOT NULL,
	"sequence" bigint NOT NULL,
	"received_at" timestamp (3) with time zone NOT NULL,
	"tenant_id" text NOT NULL,
	"event_id" text NOT NULL,
	"key" text NOT NULL,
	"attempts" integer NOT NULL,
	"next_attempt_at" timestamp (3) with time zone,
	"error_code" text,
	"error_message" text,
	"replayed" boolean DEFAULT false NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "retrying_events_consumer_partition_sequence_pk" PRIMARY KEY("consumer","partition","sequence"),
	CONSTRAINT "retrying_events_consumer_check" CHECK ("events"."retrying_events"."consumer" in ('analytics', 'webhooks')),
	CONSTRAINT "retrying_events_code_check" CHECK ("events"."retrying_events"."error_code" in ('invalid_event', 'unknown_event_type', 'effect_unavailable', 'unclassified')),
	CONSTRAINT "retrying_events_attempts_check" CHECK (attempts >= 0)
);
--> statement-breakpoint
CREATE INDEX "event_ids_received_idx" ON "events"."event_ids" USING brin ("received_at");--> statement-breakpoint
CREATE INDEX "failed_events_tenant_idx" ON "events"."failed_events" USING btree ("tenant_id","failed_at","event_id");--> statement-breakpoint
CREATE INDEX "failed_events_id_idx" ON "events"."failed_events" USING btree ("tenant_id","event_id");--> statement-breakpoint
CREATE INDEX "raw_events_tenant_idx" ON "events"."raw_events" USING btree ("tenant_id","received_at","partition","sequence");--> statement-breakpoint
CREATE INDEX "retrying_events_key_idx" ON "events"."retrying_events" USING btree ("consumer","partition","tenant_id","key","sequence");--> statement-breakpoint
CREATE INDEX "retrying_events_id_idx" ON "events"."retrying_events" USING btree ("tenant_id","event_id");