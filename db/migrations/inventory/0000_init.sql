CREATE SCHEMA "inventory";
--> statement-breakpoint
CREATE TABLE "inventory"."products" (
	"tenant_id" text NOT NULL,
	"sku" text NOT NULL,
	"name" text NOT NULL,
	"price_minor" bigint NOT NULL,
	"currency" char(3) NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "products_tenant_id_sku_pk" PRIMARY KEY("tenant_id","sku"),
	CONSTRAINT "products_price_check" CHECK (price_minor between 0 and 1000000000)
);
--> statement-breakpoint
CREATE TABLE "inventory"."reservations" (
	"order_id" text NOT NULL,
	"sku" text NOT NULL,
	"tenant_id" text NOT NULL,
	"quantity" integer NOT NULL,
	"unit_price_minor" bigint,
	"state" text NOT NULL,
	"expires_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "reservations_order_id_sku_pk" PRIMARY KEY("order_id","sku"),
	CONSTRAINT "reservations_state_check" CHECK ("inventory"."reservations"."state" in ('HELD', 'COMMITTED', 'RELEASED', 'EXPIRED')),
	CONSTRAINT "reservations_quantity_check" CHECK (quantity between 1 and 1000),
	CONSTRAINT "reservations_held_check" CHECK (state <> 'HELD' or (expires_at is not null and unit_price_minor is not null)),
	CONSTRAINT "reservations_committed_check" CHECK (state <> 'COMMITTED' or unit_price_minor is not null)
);
--> statement-breakpoint
CREATE TABLE "inventory"."stock" (
	"tenant_id" text NOT NULL,
	"sku" text NOT NULL,
	"on_hand" integer NOT NULL,
	"reserved" integer NOT NULL,
	CONSTRAINT "stock_tenant_id_sku_pk" PRIMARY KEY("tenant_id","sku"),
	CONSTRAINT "stock_reserved_check" CHECK (0 <= reserved and reserved <= on_hand)
);
--> statement-breakpoint
CREATE TABLE "inventory"."stock_movements" (
	"movement_id" bigserial PRIMARY KEY NOT NULL,
	"tenant_id" text NOT NULL,
	"sku" text NOT NULL,
	"kind" text NOT NULL,
	"on_hand_delta" integer NOT NULL,
	"reserved_delta" integer NOT NULL,
	"order_id" text,
	"idempotency_key" text,
	"reason" text,
	"actor" text NOT NULL,
	"at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "stock_movements_kind_check" CHECK ("inventory"."stock_movements"."kind" in ('initial', 'adjustment', 'hold', 'commit', 'release', 'expire', 'restock'))
);
--> statement-breakpoint
CREATE INDEX "reservations_expiry_idx" ON "inventory"."reservations" USING btree ("expires_at") WHERE state = 'HELD';--> statement-breakpoint
CREATE INDEX "stock_movements_sku_idx" ON "inventory"."stock_movements" USING btree ("tenant_id","sku");--> statement-breakpoint
CREATE UNIQUE INDEX "stock_movements_key_idx" ON "inventory"."stock_movements" USING btree ("tenant_id","idempotency_key") WHERE idempotency_key is not null;