CREATE TABLE "payments"."waiting_steps" (
	"workflow_id" text NOT NULL,
	"step" text NOT NULL,
	"route" text NOT NULL,
	"failed_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"wakes" integer DEFAULT 0 NOT NULL,
	"woken_at" timestamp (3) with time zone,
	"due_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "waiting_steps_workflow_id_step_pk" PRIMARY KEY("workflow_id","step")
);
--> statement-breakpoint
CREATE INDEX "waiting_steps_due_idx" ON "payments"."waiting_steps" USING btree ("due_at");--> statement-breakpoint
CREATE INDEX "waiting_steps_route_idx" ON "payments"."waiting_steps" USING btree ("route");