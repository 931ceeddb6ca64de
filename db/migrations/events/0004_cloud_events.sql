ALTER TABLE "events"."event_ids" ADD COLUMN "source_hash" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "events"."event_ids" DROP CONSTRAINT "event_ids_tenant_id_event_id_pk";--> statement-breakpoint
ALTER TABLE "events"."event_ids" ADD CONSTRAINT "event_ids_tenant_id_event_id_source_hash_pk" PRIMARY KEY("tenant_id","event_id","source_hash");--> statement-breakpoint
ALTER TABLE "events"."raw_events" ADD COLUMN "cloud_event" jsonb;