// Nobody sees more than `cap` units of a SKU at a location (5 unless the setting says otherwise).
#include "view.h"
#include <stdlib.h>

typedef exports_onhand_rules_view_rule_shown_t shown;
typedef exports_onhand_rules_view_rule_location_stock_t location_stock;

// A setting in whole units; false if it is written otherwise.
static bool units(const char *name, uint32_t otherwise, uint32_t *units) {
    view_string_t key, text;
    view_string_set(&key, name);
    *units = otherwise;
    if (!onhand_rules_host_config(&key, &text)) return true;
    if (text.len == 0 || text.len > 9) return false;
    *units = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
        *units = *units * 10 + (text.ptr[i] - '0');
    }
    return true;
}

bool exports_onhand_rules_view_rule_view(exports_onhand_rules_view_rule_request_t *request,
                                         exports_onhand_rules_view_rule_stock_t *stock,
                                         exports_onhand_rules_view_rule_presentation_t *ret,
                                         exports_onhand_rules_view_rule_error_t *err) {
    (void)request;
    uint32_t cap;
    if (!units("cap", 5, &cap)) {
        err->tag = ONHAND_RULES_ERRORS_ERROR_INVALID_CONFIG;
        view_string_set(&err->val.invalid_config, "cap is not a number of units");
        return false;
    }
    size_t count = stock->locations.len;
    ret->locations.len = count;
    ret->locations.ptr = malloc(count * sizeof(shown));
    for (size_t i = 0; i < count; i++) {
        location_stock at = stock->locations.ptr[i];
        uint32_t available = at.available < cap ? at.available : cap;
        ret->locations.ptr[i] = (shown){(uint32_t)i, available, at.backorderable};
    }
    ret->label.is_some = false;
    return true;
}
