// Draws one dashboard with Grafana's own components: where its panels lie, their options, units, thresholds and colours are
// those of the dashboard's file, and the figures those that its SQL brought. What a Grafana server would do between the two (the
// data source and the panel's loading) is done here.
import {
  applyFieldOverrides, createTheme, dateTime, EventBusSrv, FieldType, getFieldDisplayValues, ThemeContext, toDataFrame,
} from '@grafana/data';
import { BarGauge, BigValue, GlobalStyles, PanelChrome, PanelContextProvider, Table, TimeSeries } from '@grafana/ui';
import { createRoot } from 'react-dom/client';

const theme = createTheme({ colors: { mode: 'dark' } });
const CELL = 30;
const GAP = 8;
const WIDTH = 1600;

const dashboard = await (await fetch('./data.json')).json();
const range = { from: dateTime(dashboard.from), to: dateTime(dashboard.to), raw: { from: 'now-1h', to: 'now' } };

function frames(panel) {
  const made = panel.frames.map((frame) => toDataFrame({
    name: frame.name,
    fields: frame.fields.map((field) => ({ ...field, type: FieldType[field.type], config: {} })),
  }));
  return applyFieldOverrides({
    data: made, fieldConfig: panel.fieldConfig, replaceVariables: (text) => text, theme, timeZone: 'utc',
    fieldConfigRegistry: registry(panel.fieldConfig),
  });
}

// Knows of each option that the file gives, where it goes, and nothing else of it.
function registry({ defaults }) {
  const option = (id) => {
    const isCustom = id.startsWith('custom.');
    const path = isCustom ? id.slice('custom.'.length) : id;
    return { id, path, isCustom, process: (value) => value, shouldApply: () => true, settings: {} };
  };
  const custom = Object.keys(defaults.custom ?? {}).map((key) => `custom.${key}`);
  const ids = Object.keys(defaults).filter((key) => key !== 'custom').concat(custom);
  return { getIfExists: option, get: option, list: () => ids.map(option) };
}

function values(panel, data) {
  return getFieldDisplayValues({
    fieldConfig: panel.fieldConfig, reduceOptions: panel.options.reduceOptions, replaceVariables: (text) => text, theme,
    data, timeZone: 'utc',
  });
}

function Row({ items, width, height, draw, vertical }) {
  const share = vertical ? height / items.length : width / items.length;
  return (
    <div style={{ display: 'flex', flexDirection: vertical ? 'column' : 'row', width, height }}>
      {items.map((item, n) => (
        <div key={n}>{draw(item, vertical ? width : share, vertical ? share : height)}</div>
      ))}
    </div>
  );
}

const kinds = {
  timeseries: (panel, data, width, height) => (
    <TimeSeries frames={data} width={width} height={height} timeRange={range} timeZone="utc"
      legend={{ ...panel.options.legend, calcs: [] }} options={panel.options} />
  ),
  stat: (panel, data, width, height) => (
    <Row items={values(panel, data)} width={width} height={height} draw={(item, w, h) => (
      <BigValue value={item.display} width={w} height={h} theme={theme} colorMode={panel.options.colorMode}
        graphMode="none" justifyMode="auto" textMode={panel.options.textMode} />
    )} />
  ),
  bargauge: (panel, data, width, height) => (
    <Row vertical items={values(panel, data)} width={width} height={height} draw={(item, w, h) => (
      <BarGauge value={item.display} field={item.field} width={w} height={h} theme={theme} orientation="horizontal"
        display={item.view?.getFieldDisplayProcessor?.(item.colIndex)} displayMode={panel.options.displayMode} showUnfilled />
    )} />
  ),
  table: (panel, data, width, height) => <Table data={data[0]} width={width} height={height} />,
};
// The round gauge is not among what Grafana's package offers to others; its figures and colours are the bar's.
kinds.gauge = (panel, ...rest) => kinds.bargauge({ ...panel, options: { ...panel.options, displayMode: 'basic' } }, ...rest);

function Panel({ panel }) {
  const { x, y, w, h } = panel.gridPos;
  const cell = (WIDTH - GAP) / 24;
  const place = { position: 'absolute', left: x * cell + GAP, top: y * (CELL + GAP) + GAP, width: w * cell - GAP };
  if (panel.type === 'row') {
    return <h3 style={{ ...place, margin: 0, color: theme.colors.text.primary }}>{panel.title}</h3>;
  }
  const height = h * (CELL + GAP) - GAP;
  const data = frames(panel);
  const empty = data.length === 0 || data.every((frame) => frame.length === 0);
  return (
    <div style={{ ...place, height }} className={empty ? 'empty' : 'drawn'} data-title={panel.title}>
      <PanelChrome title={panel.title} description={panel.description} width={place.width} height={height}>
        {(width, inner) => (empty ? <p>No data</p> : kinds[panel.type](panel, data, width, inner))}
      </PanelChrome>
    </div>
  );
}

const bottom = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
document.body.style.background = theme.colors.background.canvas;
createRoot(document.getElementById('root')).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <PanelContextProvider value={{ eventBus: new EventBusSrv(), eventsScope: 'drawn' }}>
      <div style={{ position: 'relative', width: WIDTH, height: bottom * (CELL + GAP) + GAP }}>
        {dashboard.panels.map((panel) => <Panel key={panel.id} panel={panel} />)}
      </div>
    </PanelContextProvider>
  </ThemeContext.Provider>,
);
