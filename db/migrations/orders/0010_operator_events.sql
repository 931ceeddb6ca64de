CREATE TABLE "orders"."case_outbox" (
	"position" bigint PRIMARY KEY NOT NULL,
	"type" text NOT NULL,
	"case_id" text NOT NULL,
	"order_id" text NOT NULL,
	"tenant_id" text NOT NULL,
	"step" text NOT NULL,
	"error_code" text NOT NULL,
	"attempts" integer NOT NULL,
	"resolution" text,
	"trace_id" text,
	"at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
