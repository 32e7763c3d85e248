"""The Grafana boards, panel by panel: a title, what it shows in a sentence, its unit, and the expressions. Of lanes and
regions there are no metrics yet, so there are no boards."""

RUNBOOK = "https://example.invalid/onhand/docs/runbook.md"
EDGE, ORIGIN = '{job="onhand-edge", instance=~"$instance"}', '{job="onhand-origin", instance=~"$instance"}'

HIT = 'result="hit"'


def of(job, labels=""):
    more = f", {labels}" if labels else ""
    return f'{{job="onhand-{job}", instance=~"$instance"{more}}}'


def rate(metric, job, by="", labels=""):
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({metric}{of(job, labels)}[$__rate_interval]))"


def quantile(q, histogram, job, by=""):
    grouped = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({grouped}) (rate({histogram}_bucket{of(job)}[$__rate_interval])))"


def stat(title, says, unit, expr, steps=None, alert=None):
    return dict(kind="stat", title=title, says=says, unit=unit, lines=[(expr, "")], steps=steps, alert=alert)


def graph(title, says, unit, *lines, steps=None, alert=None):
    return dict(kind="timeseries", title=title, says=says, unit=unit, lines=lines, steps=steps, alert=alert)


def quantiles(histogram, job):
    return [(quantile(q, histogram, job), f"p{name}") for q, name in ((0.5, "50"), (0.99, "99"), (0.999, "99.9"))]


def process(job):
    return [
        graph("Processor time", "Cores that each process uses.", "none",
              (f"rate(process_cpu_seconds_total{of(job)}[$__rate_interval])", "{{instance}}")),
        graph("Memory", "Resident memory of each process.", "bytes",
              (f"process_resident_memory_bytes{of(job)}", "{{instance}}")),
        graph("Open files", "Of those that the process may open.", "percent",
              (f"100 * process_open_fds{of(job)} / process_max_fds{of(job)}", "{{instance}}"),
              steps=(70, 90), alert="OpenFilesNearLimit"),
        graph("Builds and configurations", "How many processes run each; more than one line is a roll-out, or a fault.",
              "none", (f'count by (version) (onhand_build_info{of(job)})', "{{version}}"),
              (f'count by (fingerprint) (onhand_configuration_info{of(job)})', "{{fingerprint}}"),
              alert="ConfigurationDiffers"),
    ]


OVERVIEW = [
    stat("Checks a minute", "Availability checks answered by all edges.", "none", "inventory_check_rate", (1000, 5000), "InventoryServiceHighCheckRate"),
    stat("Check latency", "Of a hundred checks, how long the slowest takes.", "ms", "inventory_check_latency", (100, 500), "InventoryServiceHighLatency"),
    stat("Update latency", "Of a hundred holds and counts, how long the slowest takes.", "ms", "inventory_update_latency", (200, 1000), "InventoryServiceSlowUpdates"),
    stat("Low-stock items", "At or below their threshold.", "none", "low_stock_items", (50, 100), "InventoryServiceLowStock"),
    stat("Connection pool", "Connections for reads that are at work.", "percent", "connection_pool_usage", (70, 90), "InventoryServiceDatabaseIssues"),
    stat("Redis hit rate", "Of what edges ask Redis, what it has.", "percent", "redis_hit_rate", None, "InventoryServiceCacheFailure"),
    stat("Age of answers", "The oldest as-of of all edges.", "s", "max(edge_as_of_age_seconds)", (1, 10), "FreshnessBurning"),
    stat("Worst mode", "0 live, 1 catching up, 2 stale, 3 unavailable.", "none", "max(edge_mode)", (1, 2), "EdgeNotLive"),
    stat("Nines", "Of consistency, as the edges' own audit shows them: no more than was audited can show.", "none", "min(edge_audit_nines)", None, "AuditViolation"),
    stat("Alerting last heard", "By the origin; beyond five minutes it tells people itself.", "s", "min(origin_alerting_heard_age_seconds)", (150, 300), "HeartbeatLost"),
    graph("Calls by status", "All calls of edges.", "reqps", ('sum by (status) (rate(edge_calls_total[$__rate_interval]))', "{{status}}"), alert="CallsFailing"),
    graph("Bad shares", "Of the last five minutes: calls that failed, lookups slower than 100 ms, answers older than a second.", "percentunit",
          ("onhand:call_errors:ratio_5m", "failed"), ("onhand:lookups_slow:ratio_5m", "slow"), ("onhand:as_of_late:ratio_5m", "late"), alert="AvailabilityBurning"),
    graph("Holds and other writes", "Commands decided, by outcome.", "reqps", ("sum by (outcome) (rate(origin_decisions_total[$__rate_interval]))", "{{outcome}}")),
    graph("What answers Prometheus", "1: it does.", "none", ('up{job=~"onhand-.+"}', "{{instance}}"), alert="ProcessDown"),
]
EDGES = [
    graph("Lookups by tier", "SKUs answered, by the tier that had them.", "reqps", (rate("edge_lookups_total", "edge", "source"), "{{source}}")),
    graph("Lookup latency", "Of lookup requests.", "s", *quantiles("edge_lookup_duration_seconds", "edge"), alert="InventoryServiceHighLatency"),
    graph("Calls by route", "Public and management listener.", "reqps", (rate("edge_calls_total", "edge", "route"), "{{route}}")),
    graph("Problems", "Refusals, by code.", "reqps", (rate("edge_problems_total", "edge", "code"), "{{code}}"), alert="CallsFailing"),
    graph("Age of answers", "Of each edge.", "s", (f"edge_as_of_age_seconds{EDGE}", "{{instance}}"), steps=(1, 10), alert="FreshnessBurning"),
    graph("From a change to its arrival", "At this edge.", "s", *quantiles("edge_propagation_seconds", "edge")),
    graph("Mode", "0 live, 1 catching up, 2 stale, 3 unavailable.", "none", (f"edge_mode{EDGE}", "{{instance}}"), alert="EdgeNotLive"),
    graph("L1", "SKUs held, and names that are known to be no SKU's.", "none", (f"edge_l1_entries{EDGE}", "SKUs {{instance}}"), (f"edge_l1_unknown_entries{EDGE}", "unknown {{instance}}")),
    graph("Cache hits", "Of L1 and L2.", "percentunit",
          (rate("cache_gets_total", "edge", "cache", HIT) + " / " + rate("cache_gets_total", "edge", "cache"), "{{cache}}")),
    graph("Circuit breakers", "0 closed, 1 open, 2 half open.", "none", (f"edge_origin_breaker_state{EDGE}", "origin {{of}} {{instance}}"), (f"edge_l2_breaker_state{EDGE}", "Redis {{instance}}"), alert="CircuitBreakerOpen"),
    graph("Waiting", "SKUs that callers wait for, calls forwarded, calls in line.", "none", (f"edge_waiting_skus{EDGE}", "SKUs"), (f"edge_forwarded_calls{EDGE}", "forwarded"), (f"edge_queued_calls{EDGE}", "in line")),
    graph("Refused by a limit", "429 answers, by limit.", "reqps", (rate("edge_rate_limited_total", "edge", "limit"), "{{limit}}"), alert="RateLimitsRising"),
    graph("Tokens refused", "By why.", "reqps", (rate("edge_tokens_refused_total", "edge", "reason"), "{{reason}}")),
    graph("Connections and streams", "Open now.", "none", (f"edge_connections{EDGE}", "connections {{instance}}"), (f"edge_streams{EDGE}", "streams {{instance}}")),
    graph("The edges' own audit", "Answers compared with the origin, by verdict.", "reqps", (rate("edge_audit_answers_total", "edge", "verdict"), "{{verdict}}"), alert="AuditViolation"),
    *process("edge"),
]
ORIGINS = [
    graph("Commands", "Decided, by outcome.", "reqps", (rate("origin_decisions_total", "origin", "outcome"), "{{outcome}}")),
    graph("Write latency", "Of a write call, its wait included.", "s", *quantiles("origin_write_duration_seconds", "origin"), alert="InventoryServiceSlowUpdates"),
    graph("Batches", "From a batch's first lock to its commit.", "s", *quantiles("origin_batch_duration_seconds", "origin")),
    graph("Commands in a batch", "At the median and at most.", "none", (quantile(0.5, "origin_batch_commands", "origin"), "p50"), (quantile(0.99, "origin_batch_commands", "origin"), "p99")),
    graph("Calls by route", "API and management listener.", "reqps", (rate("origin_calls_total", "origin", "route"), "{{route}}")),
    graph("Call latency by route", "Of a hundred, the slowest.", "s", (quantile(0.99, "origin_call_duration_seconds", "origin", "route"), "{{route}}")),
    graph("Commands that wait for rows", "Which others hold.", "none", (f"origin_commands_parked{ORIGIN}", "{{instance}}")),
    graph("Holds closed by the sweeper", "At their deadline.", "reqps", (rate("origin_expired_total", "origin"), "closed")),
    graph("Low stock", "Items at or below their threshold.", "none", ("low_stock_items", "items"), steps=(50, 100), alert="InventoryServiceLowStock"),
    graph("Watched products", "Units available of each of metrics.watched_skus.", "none", (f"processor_inventory_level{ORIGIN}", "{{item_id}}"), alert="InventoryServiceOutOfStock"),
    graph("Restock notifications", "Waiting, and given up in seven days.", "none", (f"origin_restock_pending{ORIGIN}", "waiting"), (f"origin_restock_failed{ORIGIN}", "given up"), alert="RestockUndelivered"),
    graph("Maintenance and term", "1: writes are refused; the term rises with each promotion.", "none", (f"origin_maintenance{ORIGIN}", "maintenance"), (f"origin_term{ORIGIN}", "term"), alert="MaintenanceOn"),
    *process("origin"),
]
RULES = [
    graph("Calls", "To each rule.", "reqps", ("sum by (rule) (rate(rules_calls_total[$__rate_interval]))", "{{rule}}")),
    graph("Failures", "Calls that gave no answer, by why; the built-in behaviour answers instead.", "reqps", ("sum by (rule, reason) (rate(rules_failures_total[$__rate_interval]))", "{{rule}} {{reason}}"), alert="RuleFailing"),
    graph("Time of a call", "Of a hundred, the slowest.", "s", ("histogram_quantile(0.99, sum by (le, rule) (rate(rules_call_duration_seconds_bucket[$__rate_interval])))", "{{rule}}")),
    graph("Memory of a call", "The most so far.", "bytes", ("max by (rule) (rules_memory_peak_bytes)", "{{rule}}")),
    graph("Releases in use", "By stage.", "none", ("sum by (rule, stage) (rules_releases)", "{{rule}} {{stage}}")),
    graph("Releases taken out", "For failing too often.", "none", ("sum by (rule) (increase(rules_taken_out_total[$__rate_interval]))", "{{rule}}"), alert="RuleFailing"),
    graph("Releases that could not be loaded", "By any process.", "none", ("sum(increase(rules_load_failures_total[$__rate_interval]))", "not loaded")),
    graph("Releases not announced", "Whose present state the topic does not have yet.", "none", ("max(origin_rules_unannounced)", "rules")),
]
STORES = [
    stat("Database", "1 while an origin reaches it.", "none", "min(origin_database_up)", None, "InventoryServiceDatabaseDown"),
    stat("Kafka, from origins", "1 while a broker is connected.", "none", "min(origin_feed_up)", None, "FeedDisconnected"),
    stat("Kafka, from edges", "1 while a broker is connected.", "none", "min(edge_feed_connected)", None, "FeedDisconnected"),
    stat("Redis", "1 while it answers every edge.", "none", "min(edge_redis_up)", None, "InventoryServiceCacheDown"),
    graph("Commits not yet published", "Rows of the outbox.", "none", ("max(origin_outbox_rows)", "commits"), steps=(1000, 5650), alert="OutboxGrowing"),
    graph("The oldest of them", "Edges' answers are that old.", "s", ("max(origin_outbox_oldest_age_seconds)", "age"), steps=(10, 120), alert="OutboxOld"),
    graph("Watermarks", "Rounds of the relay that ended with one; and those that failed.", "reqps", ("sum(rate(origin_relay_watermarks_total[$__rate_interval]))", "watermarks"), ("sum(rate(origin_relay_failures_total[$__rate_interval]))", "failures"), alert="RelayStopped"),
    graph("A round of the relay", "From its T to the last acknowledgement, and to its watermark.", "s",
          (quantile(0.99, "origin_relay_publish_duration_seconds", "origin"), "acknowledged p99"), (quantile(0.99, "origin_relay_round_duration_seconds", "origin"), "watermark p99")),
    graph("Changes published", "To the feed.", "reqps", ("sum(rate(origin_relay_published_total[$__rate_interval]))", "changes")),
    graph("Who leads the relay", "1: this replica.", "none", ("origin_relay_leading", "{{instance}}"), alert="RelayLeaders"),
    graph("Connections for reads", "At work, idle, and calls that wait for one.", "none", ("sum(hikaricp_connections_active)", "at work"), ("sum(hikaricp_connections_idle)", "idle"), ("sum(hikaricp_connections_pending)", "waiting"), ("sum(hikaricp_connections_max)", "most"), alert="InventoryServiceDatabaseIssues"),
    graph("Redis reads", "That counted, that found nothing, that failed.", "reqps", ("sum(rate(edge_l2_hits_total[$__rate_interval]))", "hits"), ("sum(rate(edge_l2_misses_total[$__rate_interval]))", "misses"), ("sum(rate(edge_l2_failures_total[$__rate_interval]))", "failures"), alert="InventoryServiceCacheFailure"),
    graph("Redis writes", "Changes written by the region's writers, SKUs filled, fills forgone.", "reqps", ("sum(rate(edge_l2_written_total[$__rate_interval]))", "written"), ("sum(rate(edge_l2_fills_total[$__rate_interval]))", "filled"), ("sum(rate(edge_l2_fills_rejected_total[$__rate_interval]))", "forgone")),
    graph("Feed records", "Read by edges, and those that could not be decoded.", "reqps", ("sum(rate(edge_feed_records_total[$__rate_interval]))", "read"), ("sum(rate(edge_feed_undecodable_total[$__rate_interval]))", "undecodable"), alert="FeedUndecodable"),
]

BOARDS = [("overview", "Onhand: Overview", OVERVIEW, None), ("edge", "Onhand: Edge", EDGES, "onhand-edge"),
          ("origin", "Onhand: Origin", ORIGINS, "onhand-origin"), ("rules", "Onhand: Rules", RULES, None),
          ("stores", "Onhand: Kafka and stores", STORES, None)]


def panel(number, row, column, width, entry):
    steps = [{"color": "green", "value": None}]
    for color, value in zip(("orange", "red"), entry["steps"] or ()):
        steps.append({"color": color, "value": value})
    made = {
        "id": number, "type": entry["kind"], "title": entry["title"], "description": entry["says"],
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "gridPos": {"h": 4 if entry["kind"] == "stat" else 8, "w": width, "x": column, "y": row},
        "fieldConfig": {"defaults": {"unit": entry["unit"], "thresholds": {"mode": "absolute", "steps": steps}}, "overrides": []},
        "targets": [{"refId": chr(65 + index), "expr": expr, "legendFormat": legend or "__auto",
                     "datasource": {"type": "prometheus", "uid": "${datasource}"}}
                    for index, (expr, legend) in enumerate(entry["lines"])],
        "links": [],
    }
    if entry["alert"]:
        made["links"] = [{"title": f"Runbook: {entry['alert']}", "url": f"{RUNBOOK}#{entry['alert'].lower()}", "targetBlank": True}]
    return made


def board(name, title, entries, job):
    panels, row, column = [], 0, 0
    last = None
    for number, entry in enumerate(entries, 1):
        width = 4 if entry["kind"] == "stat" else 12
        if column + width > 24 or (last and last != entry["kind"]):
            row += 4 if last == "stat" else 8
            column = 0
        panels.append(panel(number, row, column, width, entry))
        column += width
        last = entry["kind"]
    variables = [{"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}]
    if job:
        variables.append({"name": "instance", "type": "query", "label": "Process", "includeAll": True, "multi": True,
                          "allValue": ".*", "refresh": 2, "datasource": {"type": "prometheus", "uid": "${datasource}"},
                          "query": f'label_values(up{{job="{job}"}}, instance)'})
    links = [{"type": "dashboards", "tags": ["onhand"], "asDropdown": True, "title": "Onhand", "includeVars": True, "keepTime": True},
             {"type": "link", "title": "Runbook", "url": RUNBOOK, "targetBlank": True}]
    return {"uid": f"onhand-{name}", "title": title, "tags": ["onhand"], "schemaVersion": 39, "version": 1, "editable": False,
            "refresh": "10s", "time": {"from": "now-1h", "to": "now"}, "timezone": "utc", "graphTooltip": 1,
            "templating": {"list": variables}, "links": links, "annotations": {"list": []}, "panels": panels}


def all_boards():
    return [(name, board(name, title, entries, job)) for name, title, entries, job in BOARDS]
