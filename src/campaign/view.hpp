#pragma once

#include <string>

#include "invar/campaign/study.hpp"
#include "invar/method/method.hpp"
#include "invar/store/view.hpp"

namespace invar::campaign {

/// What a view is made of.
struct ViewSources {
  const Study& study;
  const std::string& study_text;  // study.yaml as the campaign holds it
  int num_ranks;                  // that the campaign runs on
  method::StopReason stop_reason;
  const method::Method& method;
};

/// What campaign.h5 says of a study and of the method's answer so far.
///
/// MPI: Manager only.
store::View make_view(const ViewSources& sources);

}  // namespace invar::campaign
