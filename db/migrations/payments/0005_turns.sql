CREATE TABLE "payments"."turns" (
	"order_id" text PRIMARY KEY NOT NULL,
	"turn" integer NOT NULL,
	"command_id" text NOT NULL
);
