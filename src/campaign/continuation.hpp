#pragma once

#include <functional>
#include <memory>
#include <string>

#include "invar/campaign/study.hpp"
#include "invar/core/capabilities.hpp"
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

using MakeMethod = std::function<std::unique_ptr<method::Method>(const core::Capabilities& can)>;

/// What the model gave when a campaign began, by its newest restart file or its first batch.
///
/// @param can  what it gives now; the answer where the campaign has asked for nothing yet
core::Capabilities recorded_capabilities(store::CampaignStore& store, const core::Capabilities& can,
                                         const MakeMethod& make_method);

/// Tells the method again what it was told before, up to where the record of told rounds ends, and
/// closes the segment there. No run is needed.
///
/// @throws Error(data)  when what is replayed differs from the record
void replay_told_rounds(const Study& study, store::CampaignStore& store, method::Method& method);

}  // namespace invar::campaign
