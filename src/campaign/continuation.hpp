#pragma once

#include <functional>
#include <optional>
#include <string>

#include "invar/campaign/study.hpp"
#include "invar/method/method.hpp"
#include "invar/store/campaign_store.hpp"
#include "invar/store/record.hpp"

namespace invar::campaign {

/// Puts a method where the record of a campaign is to be continued: in the state of the restart
/// file. When the study has another prior, other data or other noise than that state, the method
/// takes it over in a round of its own, in which the batch under way is given up; the same again
/// after a kill.
///
/// @param say  messages for people
void continue_from_record(store::CampaignStore& store, method::Method& method,
                          const std::function<void(const std::string&)>& say);

/// What was told in the first rounds of a record.
method::RecordedRounds recorded_rounds(const store::RecordedEvaluations& record,
                                       std::int64_t num_rounds);

/// Whether the first recorded batch wanted Jacobians; none where there is no batch.
std::optional<core::Capabilities> recorded_capabilities(const store::CampaignStore& store);

/// Tells the method again what it was told before, up to where the record of told rounds ends, and
/// closes the segment there. No run is needed.
///
/// @throws Error(data)  when what is replayed differs from the record
void replay_told_rounds(const Study& study, store::CampaignStore& store, method::Method& method);

}  // namespace invar::campaign
