#pragma once

#include <string>

#include "invar/campaign/study.hpp"
#include "invar/method/method.hpp"
#include "invar/store/view.hpp"

namespace invar::campaign {

/// What campaign.h5 says of a study and of the method's answer so far.
///
/// @param study_text  study.yaml as the campaign holds it
/// @param num_ranks   of the program that writes it
/// MPI: Manager only.
store::View make_view(const Study& study, const std::string& study_text, int num_ranks,
                      const method::Method& method);

}  // namespace invar::campaign
