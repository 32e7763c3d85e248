// Where shoppers collect comes first; the channel's next rule, or its own order, decides the rest.
#include "ranking.h"
#include <stdlib.h>

bool exports_onhand_rules_ranking_rule_rank(exports_onhand_rules_ranking_rule_request_t *request,
                                            exports_onhand_rules_ranking_rule_list_location_t *locations,
                                            ranking_list_option_s32_t *ret,
                                            exports_onhand_rules_ranking_rule_error_t *err) {
    (void)request, (void)err;
    ret->len = locations->len;
    ret->ptr = malloc(locations->len * sizeof(ranking_option_s32_t));
    for (size_t i = 0; i < locations->len; i++)
        ret->ptr[i] = (ranking_option_s32_t){.is_some = locations->ptr[i].pickup, .val = 0};
    return true;
}
