// An allocation rule: nearest to the destination, fewest splits, keeps pickup stock back.
// The same rule as ../nearest-allocation, where its steps are explained.
#include "allocation.h"
#include <stdlib.h>
#include <string.h>

#define TIERS 3 // free, kept back for pickup, backorderable
#define EARTH_RADIUS_KM 6371.0
#define NOWHERE UINT32_MAX

typedef exports_onhand_rules_allocation_rule_request_t request;
typedef exports_onhand_rules_allocation_rule_list_asked_line_t line_list;
typedef exports_onhand_rules_allocation_rule_list_sku_stock_t stock_list;
typedef exports_onhand_rules_allocation_rule_list_location_t location_list;
typedef exports_onhand_rules_allocation_rule_offer_t offer;
typedef exports_onhand_rules_allocation_rule_planned_t planned;
typedef onhand_rules_places_coordinates_t coordinates;

// ---- How far it is. There is no mathematical library, so the series are here.

static const double PI = 3.14159265358979323846;

// From -2 pi to 2 pi.
static double sine(double x) {
    if (x > PI) x -= 2 * PI;
    if (x < -PI) x += 2 * PI;
    double term = x, sum = x;
    for (int n = 1; n < 20; n++) {
        term *= -x * x / (2 * n * (2 * n + 1));
        sum += term;
    }
    return sum;
}

static double cosine(double x) { return sine(PI / 2 - x); }

// From 0 to 1: halved until its own tangent is near.
static double arc_sine(double x) {
    double tangent = x >= 1 ? 0 : x / __builtin_sqrt(1 - x * x), doubled = 1;
    if (x >= 1) return PI / 2;
    while (tangent > 0.1) {
        tangent = tangent / (1 + __builtin_sqrt(1 + tangent * tangent));
        doubled *= 2;
    }
    double power = tangent, sum = 0;
    for (int n = 0; n < 12; n++) {
        sum += (n % 2 ? -power : power) / (2 * n + 1);
        power *= tangent * tangent;
    }
    return doubled * sum;
}

// Along the great circle (haversine).
static double between(coordinates a, coordinates b) {
    double degree = PI / 180;
    double north = sine((b.lat - a.lat) * degree / 2), east = sine((b.lon - a.lon) * degree / 2);
    double chord = north * north + cosine(a.lat * degree) * cosine(b.lat * degree) * east * east;
    return 2 * EARTH_RADIUS_KM * arc_sine(__builtin_sqrt(chord));
}

// Below 0 where location or destination has no coordinates.
static double kilometres(request *to, location_list *locations, uint32_t location) {
    bool known = to->destination.is_some && to->destination.val.coordinates.is_some;
    if (!known || !locations->ptr[location].coordinates.is_some) return -1;
    return between(locations->ptr[location].coordinates.val, to->destination.val.coordinates.val);
}

// ---- Sharing the lines out.

typedef struct {
    size_t sku; // its position in the stock
    uint32_t location;
    double km;
    uint64_t left[TIERS];
} supply;

static struct {
    line_list *lines;
    stock_list *stock;
    supply *supplies; // nearest first, the given order among equals
    size_t count;
    uint64_t *left;  // by line
    bool *serving;   // by location
    uint64_t *parts; // by line and location
    size_t locations;
} all;

static bool same(allocation_string_t a, allocation_string_t b) {
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

static bool of_line(supply *at, size_t line) { return same(all.stock->ptr[at->sku].sku, all.lines->ptr[line].sku); }

static int nearer(const void *a, const void *b) {
    double x = ((const supply *)a)->km, y = ((const supply *)b)->km;
    if (x < 0 || y < 0) return (x < 0) - (y < 0);
    return (x > y) - (x < y);
}

static int in_serving_order(const void *a, const void *b) {
    uint32_t x = ((const supply *)a)->location, y = ((const supply *)b)->location;
    return (x > y) - (x < y);
}

static void *zeroed(size_t size) { return memset(malloc(size), 0, size); }

static void set_up(request *to, line_list *lines, location_list *locations, stock_list *stock, uint32_t keep) {
    all.lines = lines, all.stock = stock, all.locations = locations->len, all.count = 0;
    size_t offers = 0;
    for (size_t i = 0; i < stock->len; i++) offers += stock->ptr[i].offers.len;
    all.supplies = zeroed(offers * sizeof(supply));
    for (size_t i = 0; i < stock->len; i++)
        for (size_t j = 0; j < stock->ptr[i].offers.len; j++) {
            offer from = stock->ptr[i].offers.ptr[j];
            uint32_t kept = !locations->ptr[from.location].pickup ? 0 : from.available < keep ? from.available : keep;
            double km = kilometres(to, locations, from.location);
            supply at = {i, from.location, km, {from.available - kept, kept, from.backorderable}};
            all.supplies[all.count++] = at;
        }
    qsort(all.supplies, all.count, sizeof(supply), in_serving_order);
    qsort(all.supplies, all.count, sizeof(supply), nearer);
    all.left = zeroed(lines->len * sizeof(uint64_t));
    for (size_t i = 0; i < lines->len; i++) all.left[i] = lines->ptr[i].quantity;
    all.serving = zeroed(locations->len * sizeof(bool));
    all.parts = zeroed(lines->len * locations->len * sizeof(uint64_t));
}

// Whether a location can serve all that is left of every line.
static bool serves_all(uint32_t location, int tier) {
    for (size_t line = 0; line < all.lines->len; line++) {
        if (all.left[line] == 0) continue;
        uint64_t wanted = 0, has = 0;
        for (size_t other = 0; other < all.lines->len; other++)
            if (same(all.lines->ptr[other].sku, all.lines->ptr[line].sku)) wanted += all.left[other];
        for (size_t i = 0; i < all.count; i++)
            if (all.supplies[i].location == location && of_line(&all.supplies[i], line)) has = all.supplies[i].left[tier];
        if (has < wanted) return false;
    }
    return true;
}

// The nearest such location.
static uint32_t one_for_all(int tier) {
    for (size_t i = 0; i < all.count; i++)
        if (serves_all(all.supplies[i].location, tier)) return all.supplies[i].location;
    return NOWHERE;
}

// Where the next part of a line comes from.
static uint32_t next_for(size_t line, int tier) {
    supply *whole = NULL, *most = NULL;
    for (size_t i = 0; i < all.count; i++) {
        supply *at = &all.supplies[i];
        if (!of_line(at, line) || at->left[tier] == 0) continue;
        if (at->left[tier] >= all.left[line]) {
            bool better = whole && !all.serving[whole->location] && all.serving[at->location];
            if (!whole || better) whole = at;
        }
        if (!most || at->left[tier] > most->left[tier]) most = at;
    }
    return whole ? whole->location : most ? most->location : NOWHERE;
}

static void take(size_t line, int tier, uint32_t location) {
    for (size_t i = 0; i < all.count; i++) {
        supply *at = &all.supplies[i];
        if (at->location != location || !of_line(at, line)) continue;
        uint64_t units = all.left[line] < at->left[tier] ? all.left[line] : at->left[tier];
        if (units == 0) return;
        at->left[tier] -= units;
        all.left[line] -= units;
        all.serving[location] = true;
        all.parts[line * all.locations + location] += units;
        return;
    }
}

static void serve(int tier) {
    uint32_t one = one_for_all(tier);
    for (size_t line = 0; line < all.lines->len; line++) {
        if (one != NOWHERE) take(line, tier, one);
        else
            for (uint32_t at; all.left[line] > 0 && (at = next_for(line, tier)) != NOWHERE;) take(line, tier, at);
    }
}

// ---- What the host calls.

static bool keep_pickup(uint32_t *units) {
    allocation_string_t name, text;
    allocation_string_set(&name, "keep_pickup");
    *units = 1;
    if (!onhand_rules_host_config(&name, &text)) return true;
    if (text.len == 0 || text.len > 9) return false;
    *units = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
        *units = *units * 10 + (text.ptr[i] - '0');
    }
    return true;
}

bool exports_onhand_rules_allocation_rule_allocate(request *to, line_list *lines, location_list *locations,
                                                   stock_list *stock,
                                                   exports_onhand_rules_allocation_rule_plan_t *ret,
                                                   exports_onhand_rules_allocation_rule_error_t *err) {
    uint32_t keep;
    if (!keep_pickup(&keep)) {
        err->tag = ONHAND_RULES_ERRORS_ERROR_INVALID_CONFIG;
        allocation_string_set(&err->val.invalid_config, "keep_pickup is not a number of units");
        return false;
    }
    set_up(to, lines, locations, stock, keep);
    for (int tier = 0; tier < TIERS; tier++) serve(tier);
    ret->allocations.len = 0;
    ret->allocations.ptr = malloc(lines->len * locations->len * sizeof(planned));
    for (size_t line = 0; line < lines->len; line++)
        for (uint32_t at = 0; at < locations->len; at++) {
            uint64_t units = all.parts[line * locations->len + at];
            planned part = {lines->ptr[line].line, at, (uint32_t)units};
            if (units > 0) ret->allocations.ptr[ret->allocations.len++] = part;
        }
    return true;
}

void exports_onhand_rules_allocation_rule_rank(request *to, location_list *locations,
                                               allocation_list_option_s32_t *ret) {
    ret->len = locations->len;
    ret->ptr = malloc(locations->len * sizeof(allocation_option_s32_t));
    for (uint32_t i = 0; i < locations->len; i++) {
        double km = kilometres(to, locations, i);
        ret->ptr[i] = (allocation_option_s32_t){.is_some = km >= 0, .val = (int32_t)(km + 0.5)};
    }
}
