// The first location that has every line in full serves them all; else the built-in strategy decides.
#include "allocation.h"
#include <stdlib.h>
#include <string.h>

typedef exports_onhand_rules_allocation_rule_list_asked_line_t line_list;
typedef exports_onhand_rules_allocation_rule_list_sku_stock_t stock_list;
typedef exports_onhand_rules_allocation_rule_list_location_t location_list;
typedef exports_onhand_rules_allocation_rule_planned_t planned;

static bool same(allocation_string_t a, allocation_string_t b) {
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

// Lines of one SKU share its stock.
static uint64_t asked(line_list *lines, allocation_string_t sku) {
    uint64_t units = 0;
    for (size_t i = 0; i < lines->len; i++)
        if (same(lines->ptr[i].sku, sku)) units += lines->ptr[i].quantity;
    return units;
}

static uint64_t available(stock_list *stock, allocation_string_t sku, uint32_t location) {
    for (size_t i = 0; i < stock->len; i++) {
        if (!same(stock->ptr[i].sku, sku)) continue;
        for (size_t j = 0; j < stock->ptr[i].offers.len; j++)
            if (stock->ptr[i].offers.ptr[j].location == location) return stock->ptr[i].offers.ptr[j].available;
    }
    return 0;
}

static bool has_all(line_list *lines, stock_list *stock, uint32_t location) {
    for (size_t i = 0; i < lines->len; i++) {
        allocation_string_t sku = lines->ptr[i].sku;
        if (available(stock, sku, location) < asked(lines, sku)) return false;
    }
    return true;
}

bool exports_onhand_rules_allocation_rule_allocate(exports_onhand_rules_allocation_rule_request_t *request,
                                                   line_list *lines, location_list *locations, stock_list *stock,
                                                   exports_onhand_rules_allocation_rule_plan_t *ret,
                                                   exports_onhand_rules_allocation_rule_error_t *err) {
    (void)request;
    for (uint32_t location = 0; location < locations->len; location++) {
        if (!has_all(lines, stock, location)) continue;
        ret->allocations.len = lines->len;
        ret->allocations.ptr = malloc(lines->len * sizeof(planned));
        for (size_t i = 0; i < lines->len; i++)
            ret->allocations.ptr[i] = (planned){lines->ptr[i].line, location, lines->ptr[i].quantity};
        return true;
    }
    err->tag = ONHAND_RULES_ERRORS_ERROR_REFUSED;
    allocation_string_set(&err->val.refused, "no location has it all");
    return false;
}

// Abstains everywhere.
void exports_onhand_rules_allocation_rule_rank(exports_onhand_rules_allocation_rule_request_t *request,
                                               location_list *locations, allocation_list_option_s32_t *ret) {
    (void)request;
    ret->len = locations->len;
    ret->ptr = malloc(locations->len * sizeof(allocation_option_s32_t));
    for (size_t i = 0; i < locations->len; i++) ret->ptr[i].is_some = false;
}
