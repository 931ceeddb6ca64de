CREATE TABLE "inventory"."archived_stock" (
	"tenant_id" text NOT NULL,
	"sku" text NOT NULL,
	"on_hand_delta" bigint NOT NULL,
	"reserved_delta" bigint NOT NULL,
	"committed" bigint NOT NULL,
	CONSTRAINT "archived_stock_tenant_id_sku_pk" PRIMARY KEY("tenant_id","sku")
);
