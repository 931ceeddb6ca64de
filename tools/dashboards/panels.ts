import {
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  DashboardBuilder,
  DashboardLinkType,
  DashboardLinkBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

/** One expression of a panel, and what each of its series is called. */
interface Query {
  readonly expr: string;
  readonly legend: string;
}

/** A graph over time. */
export interface Panel {
  readonly title: string;
  /** What it shows, and which value is good. */
  readonly description: string;
  /** A name of Grafana: `s`, `short`, `bytes`, `percentunit`, `reqps`. */
  readonly unit: string;
  readonly queries: readonly Query[];
  /** The section of docs/operations.md that says what to do. */
  readonly runbook?: string;
}

/** Panels under a heading. */
export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** A page of Grafana. */
export interface Page {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly rows: readonly Row[];
}

/** Every series of the chosen processes; recorded series have no job and take no matcher. */
export const JOB = 'job=~"$job"';

/** Grafana chooses a window that holds some scrapes at every zoom. */
export const WINDOW = '$__rate_interval';

const TAG = 'order-saga';

/** Grafana's grid has 24 columns: two panels in a row. */
const PANEL_WIDTH = 12;
const PANEL_HEIGHT = 8;

/** The page as Grafana imports it. */
export function renderPage({ uid, title, description, rows }: Page): string {
  const page = new DashboardBuilder(`Order saga: ${title}`)
    .uid(`${TAG}-${uid}`)
    .description(description)
    .tags([TAG])
    .time({ from: 'now-6h', to: 'now' })
    .refresh('30s')
    .timezone('browser')
    .link(new DashboardLinkBuilder('Order saga').type(DashboardLinkType.Dashboards).tags([TAG]).keepTime(true))
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .withVariable(jobs());
  let id = 0;
  for (const row of rows) {
    page.withRow(new RowBuilder(row.title).id((id += 1)));
    for (const panel of row.panels) page.withPanel(toPanel(panel).id((id += 1)));
  }
  return `${JSON.stringify(page.build(), null, 2)}\n`;
}

/** The names that Prometheus gives to its scrapes of the service; at first all of them. */
function jobs() {
  return new QueryVariableBuilder('job')
    .label('Job')
    .datasource(SOURCE)
    .query('label_values(process_ready, job)')
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .multi(true)
    .includeAll(true)
    .allValue('.+');
}

/** Grafana's names of the queries of a panel. */
const REFERENCES = 'ABCDEF';

const SOURCE = { type: 'prometheus', uid: '${datasource}' };

function toPanel({ title, description, unit, queries, runbook }: Panel): PanelBuilder {
  const advice = runbook === undefined ? '' : `\n\nWhat to do: docs/operations.md#${runbook}`;
  const panel = new PanelBuilder()
    .title(title)
    .description(`${description}${advice}`)
    .datasource(SOURCE)
    .unit(unit)
    .min(0)
    .legend(new VizLegendOptionsBuilder().showLegend(true))
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi))
    .span(PANEL_WIDTH)
    .height(PANEL_HEIGHT);
  for (const [index, { expr, legend }] of queries.entries()) {
    panel.withTarget(new DataqueryBuilder().refId(REFERENCES.charAt(index)).expr(expr).legendFormat(legend));
  }
  return panel;
}
