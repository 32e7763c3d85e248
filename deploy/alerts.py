"""The recording rules under the runbook's names, the alerts, and for each alert a case that fires and one that stays quiet.

An alert's `expr` compares something that is always there (tests/it/operating.rs asks a real Prometheus for each with
the comparison taken out), so that a metric renamed or gone is a failing test and not an alert that never fires."""

RUNBOOK = "https://example.invalid/onhand/docs/runbook.md"


# ---- Recording rules ----------------------------------------------------------------------------------------------

def error_ratio(window):
    return (
        f'sum(rate(edge_calls_total{{status=~"5.."}}[{window}]) or 0 * rate(edge_calls_total[{window}]))\n'
        f"  / sum(rate(edge_calls_total[{window}]))"
    )


def slow_ratio(window):
    return (
        f'1 - sum(rate(edge_lookup_duration_seconds_bucket{{le="0.1"}}[{window}]))\n'
        f"  / sum(rate(edge_lookup_duration_seconds_count[{window}]))"
    )


# Shares of the last 5 m, 30 m, 1 h and 6 h that were bad: calls answered 5xx, lookups slower than 100 ms, and edges
# whose answers were older than a second.
WINDOWS = ["5m", "30m", "1h", "6h"]

RECORDED = [
    # The runbook's key metrics, in its units.
    ("inventory_check_rate", "60 * sum(rate(edge_lookup_duration_seconds_count[5m]))"),
    ("inventory_check_latency",
     "1000 * histogram_quantile(0.99, sum by (le) (rate(edge_lookup_duration_seconds_bucket[5m])))"),
    ("inventory_update_latency",
     "1000 * histogram_quantile(0.99, sum by (le) (rate(origin_write_duration_seconds_bucket[5m])))"),
    ("low_stock_items", "max(origin_low_stock_items)"),
    ("connection_pool_usage", "100 * max(hikaricp_connections_usage)"),
    ("redis_hit_rate",
     '100 * sum(rate(cache_gets_total{cache="l2", result="hit"}[5m]))\n  / sum(rate(cache_gets_total{cache="l2"}[5m]))'),
    *[(f"onhand:call_errors:ratio_{w}", error_ratio(w)) for w in WINDOWS],
    *[(f"onhand:lookups_slow:ratio_{w}", slow_ratio(w)) for w in WINDOWS],
    ("onhand:as_of_late", "avg(edge_as_of_age_seconds > bool 1)"),
    *[(f"onhand:as_of_late:ratio_{w}", f"avg_over_time(onhand:as_of_late[{w}])") for w in WINDOWS],
]


# ---- Alerts -------------------------------------------------------------------------------------------------------
# (alert, severity, expr, for, summary, [(series, values that fire, values that stay quiet)], labels of what fires,
#  summary as it then reads)

W, C = "warning", "critical"


def grows(per_minute, minutes=370):
    """A counter, scraped once a minute."""
    return f"0+{per_minute}x{minutes}"


def stays(value, minutes=370):
    return f"{value}x{minutes}"


def latency(name, fires, quiet):
    """The same histogram, once slow and once fast: 100 observations a minute within these seconds."""
    def all_within(le):
        bounds = ["0.05", "0.1", "0.25", "0.5", "1", "2.5", "10", "+Inf"]
        return [(f'{name}_bucket{{le="{bound}"}}', grows(100 if float(bound.replace("+Inf", "inf")) >= float(le) else 0))
                for bound in bounds] + [(f"{name}_count", grows(100))]
    return all_within(fires), all_within(quiet)


ALERTS = []


def alert(name, severity, expr, wait, summary, fires, quiet, labels=None, says=None, at=None):
    # Long enough for `for` and the widest window, and no longer: each minute is evaluated.
    at = at or {"2h": "6h", "4h": "6h", "10m": "40m", "15m": "40m", "30m": "40m"}.get(wait, "20m")
    ALERTS.append(dict(name=name, severity=severity, expr=expr, wait=wait, summary=summary, fires=fires, quiet=quiet,
                       labels=labels or {}, says=says or summary, at=at))


def gauge(series, fires, quiet):
    return [(series, stays(fires))], [(series, stays(quiet))]


def levels(name, measured, op, bounds, waits, summaries, cases, labels=None, says=(None, None)):
    for severity, bound, wait, summary, (fires, quiet), told in zip((W, C), bounds, waits, summaries, cases, says):
        alert(name, severity, f"{measured} {op} {bound}", wait, summary, fires, quiet, labels, told)


# A. The inventory service's runbook, thresholds as it has them.
LOOKUPS, WRITES = "edge_lookup_duration_seconds", "origin_write_duration_seconds"
levels("InventoryServiceHighLatency", "inventory_check_latency", ">", (100, 500), ("5m", "2m"),
       ("Shoppers wait: of a hundred availability checks the slowest takes {{ $value | printf \"%.0f\" }} ms (100 is too slow).",
        "Shoppers give up: of a hundred availability checks the slowest takes {{ $value | printf \"%.0f\" }} ms (500 is far too slow)."),
       (latency(LOOKUPS, "1", "0.05"), latency(LOOKUPS, "1", "0.25")),
       says=("Shoppers wait: of a hundred availability checks the slowest takes 995 ms (100 is too slow).",
             "Shoppers give up: of a hundred availability checks the slowest takes 995 ms (500 is far too slow)."))
levels("InventoryServiceSlowUpdates", "inventory_update_latency", ">", (200, 1000), ("5m", "2m"),
       ("Checkouts wait: of a hundred holds and counts the slowest takes {{ $value | printf \"%.0f\" }} ms.",
        "Checkouts fail: of a hundred holds and counts the slowest takes {{ $value | printf \"%.0f\" }} ms."),
       (latency(WRITES, "1", "0.1"), latency(WRITES, "2.5", "0.5")),
       says=("Checkouts wait: of a hundred holds and counts the slowest takes 995 ms.",
             "Checkouts fail: of a hundred holds and counts the slowest takes 2485 ms."))
levels("InventoryServiceHighCheckRate", "inventory_check_rate", ">", (1000, 5000), ("5m", "5m"),
       ("{{ $value | printf \"%.0f\" }} availability checks a minute: more than the usual 1,000.",
        "{{ $value | printf \"%.0f\" }} availability checks a minute: a sale, or somebody who scrapes the shop."),
       (([(f"{LOOKUPS}_count", grows(2000))], [(f"{LOOKUPS}_count", grows(900))]),
        ([(f"{LOOKUPS}_count", grows(6000))], [(f"{LOOKUPS}_count", grows(4900))])),
       says=("2000 availability checks a minute: more than the usual 1,000.",
             "6000 availability checks a minute: a sale, or somebody who scrapes the shop."))
levels("InventoryServiceLowStock", "low_stock_items", ">", (50, 100), ("10m", "10m"),
       ("{{ $value }} items are at or below their threshold: shoppers will soon find them sold out.",
        "{{ $value }} items are at or below their threshold: much of the shop is about to sell out."),
       (gauge("origin_low_stock_items", 51, 50), gauge("origin_low_stock_items", 101, 100)),
       says=("51 items are at or below their threshold: shoppers will soon find them sold out.",
             "101 items are at or below their threshold: much of the shop is about to sell out."))
levels("InventoryServiceDatabaseIssues", "connection_pool_usage", ">", (70, 90), ("5m", "2m"),
       ("{{ $value | printf \"%.0f\" }} % of the connections for reads are at work: cache misses begin to wait.",
        "{{ $value | printf \"%.0f\" }} % of the connections for reads are at work: cache misses wait, pages are slow."),
       (gauge("hikaricp_connections_usage", 0.75, 0.5), gauge("hikaricp_connections_usage", 0.95, 0.9)),
       says=("75 % of the connections for reads are at work: cache misses begin to wait.",
             "95 % of the connections for reads are at work: cache misses wait, pages are slow."))
alert("InventoryServiceDatabaseDown", C, "max(origin_database_up) == 0", "30s",
      "No origin reaches its database: nothing can be held or counted; lookups are answered from caches, for a while.",
      *gauge('origin_database_up{instance="o1"}', 0, 1))
alert("InventoryServiceDatabaseDown", W, "min by (instance) (origin_database_up) == 0", "30s",
      "The origin {{ $labels.instance }} does not reach its database; others may.",
      *gauge('origin_database_up{instance="o1"}', 0, 1), {"instance": "o1"},
      "The origin o1 does not reach its database; others may.")
hits = 'cache_gets_total{cache="l2", result="%s"}'
busy = 'sum(rate(cache_gets_total{cache="l2"}[5m])) > 1'
for severity, bound, (hit, miss), (quiet_hit, quiet_miss), value in (
        (W, 80, (700, 300), (810, 190), "70"), (C, 60, (500, 500), (610, 390), "50")):
    alert("InventoryServiceCacheFailure", severity, f"redis_hit_rate < {bound} and on () {busy}", "10m",
          "Redis answers {{ $value | printf \"%.0f\" }} % of what edges ask it: the database carries the rest, and shoppers wait for it.",
          [(hits % "hit", grows(hit)), (hits % "miss", grows(miss))],
          [(hits % "hit", grows(quiet_hit)), (hits % "miss", grows(quiet_miss))], None,
          f"Redis answers {value} % of what edges ask it: the database carries the rest, and shoppers wait for it.")
alert("InventoryServiceCacheDown", W, "min by (instance) (edge_redis_up) == 0", "1m",
      "The edge {{ $labels.instance }} gets no answer from Redis: its misses go to the origin, and shoppers wait for them.",
      *gauge('edge_redis_up{instance="e1"}', 0, 1), {"instance": "e1"},
      "The edge e1 gets no answer from Redis: its misses go to the origin, and shoppers wait for them.")
alert("InventoryServiceCacheDown", C, "max(edge_redis_up) == 0", "5m",
      "No edge gets an answer from Redis: the database carries every miss.",
      *gauge('edge_redis_up{instance="e1"}', 0, 1))
level = 'processor_inventory_level{item_id="22423"}'
levels("InventoryServiceOutOfStock", "min by (item_id) (processor_inventory_level)", "<", (10, 1), ("1m", "0s"),
       ("The critical product {{ $labels.item_id }} has {{ $value }} left.",
        "The critical product {{ $labels.item_id }} is sold out: shoppers cannot buy it."),
       (gauge(level, 9, 10), gauge(level, 0, 1)), {"item_id": "22423"},
       ("The critical product 22423 has 9 left.", "The critical product 22423 is sold out: shoppers cannot buy it."))

# B. The flash-sale engine's runbook, as far as its metrics are there: the order lanes are not yet.
breaker = 'edge_origin_breaker_state{instance="e1", of="calls"}'
alert("CircuitBreakerOpen", W, "max by (instance, of) (edge_origin_breaker_state) == 1", "30s",
      "The edge {{ $labels.instance }} has given up its {{ $labels.of }} to the origin for a while.",
      *gauge(breaker, 1, 0), {"instance": "e1", "of": "calls"},
      "The edge e1 has given up its calls to the origin for a while.")
alert("CircuitBreakerOpen", C, "min(edge_origin_breaker_state) == 1", "2m",
      "Every edge has given up the origin: shoppers can look, not buy.",
      *gauge(breaker, 1, 0))
call = 'edge_calls_total{route="/v1/reservations", method="POST", status="%s"}'
levels("CallsFailing", "100 * onhand:call_errors:ratio_5m", ">", (5, 10), ("5m", "5m"),
       ("{{ $value | printf \"%.1f\" }} % of shoppers' calls are answered with an error of ours.",
        "{{ $value | printf \"%.1f\" }} % of shoppers' calls are answered with an error of ours: the shop is broken for them."),
       (([(call % 503, grows(6)), (call % 201, grows(94))], [(call % 503, grows(4)), (call % 201, grows(96))]),
        ([(call % 503, grows(11)), (call % 201, grows(89))], [(call % 503, grows(9)), (call % 201, grows(91))])),
       says=("6.0 % of shoppers' calls are answered with an error of ours.",
             "11.0 % of shoppers' calls are answered with an error of ours: the shop is broken for them."))
limited = 'edge_rate_limited_total{limit="lookups"}'
alert("RateLimitsRising", W,
      "sum by (limit) (rate(edge_rate_limited_total[5m])) > 3 * sum by (limit) (rate(edge_rate_limited_total[1h]))\n"
      "  and sum by (limit) (rate(edge_rate_limited_total[5m])) > 1", "2m",
      "{{ $value | printf \"%.1f\" }} calls a second are refused by the limit of {{ $labels.limit }}, more than three times the last hour's.",
      [(limited, "0+0x12 0+300x60")], [(limited, grows(300))], {"limit": "lookups"},
      "5.0 calls a second are refused by the limit of lookups, more than three times the last hour's.")
alert("RateLimitsRising", C, "sum by (limit) (rate(edge_rate_limited_total[5m])) > 100", "10m",
      "{{ $value | printf \"%.0f\" }} calls a second are refused by the limit of {{ $labels.limit }}: an attack, or a limit set too low.",
      [(limited, grows(12000))], [(limited, grows(5900))], {"limit": "lookups"},
      "200 calls a second are refused by the limit of lookups: an attack, or a limit set too low.")

# Freshness: what this cache promises.
mode = 'edge_mode{instance="e1"}'
levels("EdgeNotLive", "max by (instance) (edge_mode)", ">", (0, 1), ("1m", "30s"),
       ("The edge {{ $labels.instance }} is behind the change feed: its answers grow old, and say so.",
        "The edge {{ $labels.instance }} has neither feed nor origin: it answers from its cache, marked stale, and soon not at all."),
       (gauge(mode, 1, 0), gauge(mode, 2, 1)), {"instance": "e1"},
       ("The edge e1 is behind the change feed: its answers grow old, and say so.",
        "The edge e1 has neither feed nor origin: it answers from its cache, marked stale, and soon not at all."))
feed = 'edge_feed_connected{instance="e1"}'
alert("FeedDisconnected", W, "min by (instance) (edge_feed_connected) == 0", "1m",
      "The edge {{ $labels.instance }} has no connection to Kafka: its misses go to the origin.",
      *gauge(feed, 0, 1), {"instance": "e1"},
      "The edge e1 has no connection to Kafka: its misses go to the origin.")
alert("FeedDisconnected", C, "max(origin_feed_up) == 0", "1m",
      "No origin has a connection to Kafka: edges hear of no change, the outbox grows.",
      *gauge("origin_feed_up", 0, 1))
marks = "origin_relay_watermarks_total"
alert("RelayStopped", C, "sum(rate(origin_relay_watermarks_total[1m])) == 0", "30s",
      "No watermark is published: every edge's answers grow old.",
      [(marks, stays(7))], [(marks, grows(600))], at="1h")
alert("RelayStopped", W, "sum(rate(origin_relay_failures_total[5m])) > 0.1", "5m",
      "The relay's rounds fail and are tried again: edges hear of changes late.",
      [("origin_relay_failures_total", grows(60))], [("origin_relay_failures_total", stays(3))])
alert("RelayLeaders", W, "sum(origin_relay_leading) > 1", "2m",
      "{{ $value }} relays believe that they lead: harmless for a moment, a fault if it lasts.",
      [('origin_relay_leading{instance="o1"}', stays(1)), ('origin_relay_leading{instance="o2"}', stays(1))],
      [('origin_relay_leading{instance="o1"}', stays(1)), ('origin_relay_leading{instance="o2"}', stays(0))], None,
      "2 relays believe that they lead: harmless for a moment, a fault if it lasts.")
alert("RelayLeaders", C, "sum(origin_relay_leading) == 0", "30s",
      "No relay leads: edges hear of no change.",
      *gauge('origin_relay_leading{instance="o1"}', 0, 1))
levels("OutboxGrowing", "max(origin_outbox_rows)", ">", (1000, 5650), ("1m", "1m"),
       ("{{ $value }} commits wait to be published: edges hear of them late.",
        "{{ $value }} commits wait to be published: edges are far behind, and catching up will take a while."),
       (gauge("origin_outbox_rows", 1001, 1000), gauge("origin_outbox_rows", 5651, 5650)),
       says=("1001 commits wait to be published: edges hear of them late.",
             "5651 commits wait to be published: edges are far behind, and catching up will take a while."))
levels("OutboxOld", "max(origin_outbox_oldest_age_seconds)", ">", (10, 120), ("30s", "30s"),
       ("A commit has waited {{ $value | printf \"%.0f\" }} s to be published: edges' answers are that old.",
        "A commit has waited {{ $value | printf \"%.0f\" }} s to be published: edges' answers are that old."),
       (gauge("origin_outbox_oldest_age_seconds", 11, 10), gauge("origin_outbox_oldest_age_seconds", 121, 120)),
       says=("A commit has waited 11 s to be published: edges' answers are that old.",
             "A commit has waited 121 s to be published: edges' answers are that old."))
verdict = 'edge_audit_answers_total{instance="e1", verdict="violation"}'
alert("AuditViolation", C, 'sum by (instance) (increase(edge_audit_answers_total{verdict="violation"}[10m])) > 0', "0s",
      "The edge {{ $labels.instance }} gave an answer that was older than it said: do not trust its as-of.",
      [(verdict, grows(1))], [(verdict, stays(1))], {"instance": "e1"},
      "The edge e1 gave an answer that was older than it said: do not trust its as-of.")
alert("FeedUndecodable", W, "max by (instance) (rate(edge_feed_undecodable_total[10m])) > 0", "0s",
      "The edge {{ $labels.instance }} skips records of the feed that it cannot decode.",
      [('edge_feed_undecodable_total{instance="e1"}', grows(1))], [('edge_feed_undecodable_total{instance="e1"}', stays(1))],
      {"instance": "e1"}, "The edge e1 skips records of the feed that it cannot decode.")

# Rules, tokens, notifications.
failed, called = 'rules_failures_total{rule="near", reason="trap"}', 'rules_calls_total{rule="near", world="allocation"}'
alert("RuleFailing", W, "100 * sum by (rule) (rate(rules_failures_total[5m])) / sum by (rule) (rate(rules_calls_total[5m])) > 5", "5m",
      "The rule {{ $labels.rule }} fails {{ $value | printf \"%.0f\" }} % of its calls; the built-in behaviour answers instead.",
      [(failed, grows(10)), (called, grows(100))], [(failed, grows(4)), (called, grows(100))], {"rule": "near"},
      "The rule near fails 10 % of its calls; the built-in behaviour answers instead.")
out = 'rules_taken_out_total{rule="near"}'
alert("RuleFailing", C, "max by (rule) (increase(rules_taken_out_total[15m])) > 0", "0s",
      "A release of the rule {{ $labels.rule }} was taken out: it failed too often.",
      [(out, grows(1))], [(out, stays(2))], {"rule": "near"}, "A release of the rule near was taken out: it failed too often.")
alert("TokensUnjudged", W, 'max by (instance) ({__name__=~"(edge|origin)_auth_refresh_failing"}) == 1', "15m",
      "{{ $labels.instance }} cannot look at the keys of tokens again: it goes by those that it has.",
      *gauge('edge_auth_refresh_failing{instance="e1"}', 1, 0), {"instance": "e1"},
      "e1 cannot look at the keys of tokens again: it goes by those that it has.")
alert("TokensUnjudged", C, 'max by (instance) ({__name__=~"(edge|origin)_auth_keys_too_old"}) == 1', "1m",
      "{{ $labels.instance }} refuses every token: its keys are too old.",
      *gauge('origin_auth_keys_too_old{instance="o1"}', 1, 0), {"instance": "o1"},
      "o1 refuses every token: its keys are too old.")
refused = 'edge_origin_token_refused_total{instance="e1"}'
levels("EdgeTokenRefused", "60 * sum by (instance) (rate(edge_origin_token_refused_total[5m]))", ">", (0, 30), ("1m", "5m"),
       ("The origin refuses the token of the edge {{ $labels.instance }}: it has run out, or was changed on one side only.",
        "The origin refuses every call of the edge {{ $labels.instance }}: its misses are lost."),
       (([(refused, grows(1))], [(refused, stays(5))]), ([(refused, grows(40))], [(refused, grows(20))])),
       {"instance": "e1"},
       ("The origin refuses the token of the edge e1: it has run out, or was changed on one side only.",
        "The origin refuses every call of the edge e1: its misses are lost."))
levels("RestockUndelivered", "max(origin_restock_pending)", ">", (100, 1000), ("15m", "15m"),
       ("{{ $value }} restock notifications wait for somebody who does not acknowledge them.",
        "{{ $value }} restock notifications wait for somebody who does not acknowledge them, and will be given up."),
       (gauge("origin_restock_pending", 101, 100), gauge("origin_restock_pending", 1001, 1000)),
       says=("101 restock notifications wait for somebody who does not acknowledge them.",
             "1001 restock notifications wait for somebody who does not acknowledge them, and will be given up."))

# Processes.
up = 'up{instance="e1", job="onhand-edge"}'
alert("ProcessDown", W, 'up{job=~"onhand-.+"} == 0', "1m", "{{ $labels.instance }} ({{ $labels.job }}) does not answer Prometheus.",
      *gauge(up, 0, 1), {"instance": "e1", "job": "onhand-edge"}, "e1 (onhand-edge) does not answer Prometheus.")
alert("ProcessDown", C, 'max by (job) (up{job=~"onhand-.+"}) == 0', "1m", "No process of {{ $labels.job }} answers Prometheus.",
      *gauge(up, 0, 1), {"job": "onhand-edge"}, "No process of onhand-edge answers Prometheus.")
began = 'process_start_time_seconds{instance="e1", job="onhand-edge"}'
levels("ProcessRestarting", 'changes(process_start_time_seconds{job=~"onhand-.+"}[15m])', ">", (1, 4), ("0s", "0s"),
       ("{{ $labels.instance }} has started {{ $value }} times anew in 15 minutes.",
        "{{ $labels.instance }} has started {{ $value }} times anew in 15 minutes: a crash loop."),
       (([(began, "1000x15 2000x2 3000x40")], [(began, "1000x15 2000x40")]),
        ([(began, "1000x12 2000 3000 4000 5000 6000x40")], [(began, "1000x12 2000 3000 4000x40")])),
       {"instance": "e1", "job": "onhand-edge"},
       ("e1 has started 2 times anew in 15 minutes.", "e1 has started 5 times anew in 15 minutes: a crash loop."))
fds = 'process_open_fds{instance="e1", job="onhand-edge"}'
limit = ('process_max_fds{instance="e1", job="onhand-edge"}', stays(1000))
for severity, bound, fires, quiet in ((W, 70, 710, 700), (C, 90, 910, 900)):
    alert("OpenFilesNearLimit", severity,
          f'100 * process_open_fds{{job=~"onhand-.+"}} / process_max_fds > {bound}', "5m",
          "{{ $labels.instance }} has {{ $value | printf \"%.0f\" }} % of the files open that it may: beyond, it takes no more connections.",
          [(fds, stays(fires)), limit], [(fds, stays(quiet)), limit], {"instance": "e1", "job": "onhand-edge"},
          f"e1 has {fires // 10} % of the files open that it may: beyond, it takes no more connections.")
lost = 'onhand_log_lines_lost_total{instance="e1"}'
levels("LogLinesLost", "60 * sum by (instance) (rate(onhand_log_lines_lost_total[5m]))", ">", (0, 600), ("1m", "5m"),
       ("{{ $labels.instance }} loses lines of its log: whoever reads them is slow, stands still or is gone. It serves on.",
        "{{ $labels.instance }} loses its log, {{ $value | printf \"%.0f\" }} lines a minute: nobody can see what it does. It serves on."),
       (([(lost, grows(1))], [(lost, stays(5))]), ([(lost, grows(700))], [(lost, grows(500))])), {"instance": "e1"},
       ("e1 loses lines of its log: whoever reads them is slow, stands still or is gone. It serves on.",
        "e1 loses its log, 700 lines a minute: nobody can see what it does. It serves on."))
prints = 'onhand_configuration_info{process="edge", fingerprint="%s"}'
two = [(prints % "aa", stays(1)), (prints % "bb", stays(1))]
levels("ConfigurationDiffers", "count by (process) (count by (process, fingerprint) (onhand_configuration_info))", ">",
       (1, 1), ("15m", "2h"),
       ("{{ $value }} configurations are in use by processes of kind {{ $labels.process }}: a roll-out is stuck, or somebody changed one by hand.",
        "{{ $value }} configurations have been in use by processes of kind {{ $labels.process }} for hours."),
       ((two, [two[0]]), (two, [two[0]])), {"process": "edge"},
       ("2 configurations are in use by processes of kind edge: a roll-out is stuck, or somebody changed one by hand.",
        "2 configurations have been in use by processes of kind edge for hours."))
build = 'onhand_build_info{process="edge", version="%s"}'
two = [(build % "1", stays(1)), (build % "2", stays(1))]
levels("BuildsDiffer", "count by (process) (count by (process, version) (onhand_build_info))", ">", (1, 1), ("30m", "2h"),
       ("{{ $value }} builds of {{ $labels.process }} run side by side: a roll-out or an undo is stuck.",
        "{{ $value }} builds of {{ $labels.process }} have run side by side for hours."),
       ((two, [two[0]]), (two, [two[0]])), {"process": "edge"},
       ("2 builds of edge run side by side: a roll-out or an undo is stuck.",
        "2 builds of edge have run side by side for hours."))
levels("MaintenanceOn", "max(origin_maintenance)", "==", (1, 1), ("30m", "4h"),
       ("Maintenance mode has been on for half an hour: nothing can be bought.",
        "Maintenance mode has been on for four hours: it was probably forgotten."),
       (gauge("origin_maintenance", 1, 0), gauge("origin_maintenance", 1, 0)))
alert("RegionAlone", W, "max(origin_region_alone) == 1", "5m",
      "One region sells and no other confirms what it writes: if it is lost now, so is what was held since.",
      *gauge("origin_region_alone", 1, 0))

# Objectives, by burn rate (SRE workbook): 99.9 % of calls without an error of ours, 99 % of lookups within 100 ms,
# 99.9 % of the time no edge's answers older than a second.
def burning(name, of, budget, what, fires, quiet):
    for severity, factor, long, short, wait in ((C, 14.4, "1h", "5m", "2m"), (W, 6, "6h", "30m", "15m")):
        bound = round(factor * budget, 6)
        alert(name, severity, f"{of}_{long} > {bound} and {of}_{short} > {bound}", wait,
              f"{what} of the last {long}: at this rate a month's allowance is gone in {'two days' if severity == C else 'five days'}.".replace(
                  "SHARE", "{{ $value | humanizePercentage }}"),
              fires, quiet, None, at="6h" if severity == W else "1h", says=
              f"{what} of the last {long}: at this rate a month's allowance is gone in {'two days' if severity == C else 'five days'}.")


def told(name, share):
    for entry in ALERTS:
        if entry["name"] == name:
            entry["says"] = entry["says"].replace("SHARE", share)


burning("AvailabilityBurning", "onhand:call_errors:ratio", 0.001, "SHARE of shoppers' calls failed",
        [(call % 503, grows(2)), (call % 201, grows(98))], [(call % 503, grows(1)), (call % 201, grows(999))])
told("AvailabilityBurning", "2%")
slow = [(f'{LOOKUPS}_bucket{{le="0.1"}}', grows(80)), (f"{LOOKUPS}_count", grows(100))]
quick = [(f'{LOOKUPS}_bucket{{le="0.1"}}', grows(99)), (f"{LOOKUPS}_count", grows(100))]
burning("LatencyBurning", "onhand:lookups_slow:ratio", 0.01, "SHARE of lookups were slower than 100 ms", slow, quick)
told("LatencyBurning", "20%")
burning("FreshnessBurning", "onhand:as_of_late:ratio", 0.001, "Edges' answers were older than a second for SHARE",
        *gauge('edge_as_of_age_seconds{instance="e1"}', 2, 0.2))
told("FreshnessBurning", "100%")

# Alerting watches itself.
alert("Watchdog", "none", "vector(1)", "0s", "This alert always fires: when it is not heard, alerting is broken.",
      [("up", stays(1))], None)
silences = 'alertmanager_silences{state="active"}'
levels("SilencesActive", 'max(alertmanager_silences{state="active"})', ">", (0, 0), ("15m", "4h"),
       ("{{ $value }} silences hold alerts back: who set them should know that they are on.",
        "{{ $value }} silences have held alerts back for hours: nobody is told of what they hide."),
       (gauge(silences, 1, 0), gauge(silences, 1, 0)),
       says=("1 silences hold alerts back: who set them should know that they are on.",
             "1 silences have held alerts back for hours: nobody is told of what they hide."))
levels("AlertsUndelivered", "sum by (integration) (rate(alertmanager_notifications_failed_total[5m]))", ">", (0, 0.1), ("5m", "15m"),
       ("Alertmanager fails to deliver by {{ $labels.integration }}.",
        "Alertmanager has not delivered by {{ $labels.integration }} for a quarter of an hour: people are not told."),
       (([('alertmanager_notifications_failed_total{integration="slack"}', grows(1))],
         [('alertmanager_notifications_failed_total{integration="slack"}', stays(1))]),
        ([('alertmanager_notifications_failed_total{integration="slack"}', grows(10))],
         [('alertmanager_notifications_failed_total{integration="slack"}', grows(5))])), {"integration": "slack"},
       ("Alertmanager fails to deliver by slack.",
        "Alertmanager has not delivered by slack for a quarter of an hour: people are not told."))
alert("HeartbeatLost", C, "max(origin_alerting_silent) == 1", "1m",
      "The origin does not hear Alertmanager's heartbeat: if alerting dies, nobody will know.",
      *gauge("origin_alerting_silent", 1, 0))
alert("HeartbeatLost", W, "min(origin_alerting_heard_age_seconds) > 150", "1m",
      "The origin has not heard Alertmanager's heartbeat for {{ $value | printf \"%.0f\" }} s.",
      *gauge("origin_alerting_heard_age_seconds", 180, 60), None,
      "The origin has not heard Alertmanager's heartbeat for 180 s.")


# ---- What is made of them -----------------------------------------------------------------------------------------

def anchor(name):
    return f"{RUNBOOK}#{name.lower()}"


def annotations(entry, summary):
    return {"summary": summary, "runbook_url": anchor(entry["name"])}


def rule(entry):
    made = {"alert": entry["name"], "expr": entry["expr"]}
    if entry["wait"] != "0s":
        made["for"] = entry["wait"]
    made["labels"] = {"severity": entry["severity"]}
    made["annotations"] = annotations(entry, entry["summary"])
    return made


def rules():
    """By file: Prometheus loads all three, a case only those of its own level."""
    recorded = [{"record": name, "expr": expr} for name, expr in RECORDED]
    made = {"recorded": {"groups": [{"name": "onhand.recorded", "rules": recorded}]}}
    for severity in (W, C):
        chosen = [rule(entry) for entry in ALERTS if (entry["severity"] == C) == (severity == C)]
        made[severity] = {"groups": [{"name": f"onhand.{severity}", "rules": chosen}]}
    return made


def case(entry, series, fires):
    test = {"eval_time": entry["at"], "alertname": entry["name"]}
    if fires:
        test["exp_alerts"] = [{"exp_labels": {"severity": entry["severity"], **entry["labels"]},
                               "exp_annotations": annotations(entry, entry["says"])}]
    what = "fires" if fires else "stays quiet"
    return {"name": f"{entry['name']} {entry['severity']} {what}", "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in series],
            "alert_rule_test": [test]}


def cases():
    """promtool compares every alert of a name that fires, of whichever level: hence files for each level. What takes
    hours is evaluated less often."""
    made = {}
    for severity in (W, C):
        for name, interval in ((severity, "1m"), (f"{severity}-hours", "10m")):
            tests = []
            for entry in ALERTS:
                if (entry["severity"] == C) != (severity == C) or (entry["at"] == "6h") != (interval == "10m"):
                    continue
                tests.append(case(entry, entry["fires"], True))
                if entry["quiet"] is not None:
                    tests.append(case(entry, entry["quiet"], False))
            if tests:
                files = ["recorded.rules.yml", f"{severity}.rules.yml"]
                # Otherwise promtool takes the groups in any order.
                order = ["onhand.recorded", f"onhand.{severity}"]
                made[name] = {"rule_files": files, "evaluation_interval": interval, "group_eval_order": order,
                              "tests": tests}
    return made
