#include "campaign/study_blocks.hpp"

namespace invar::campaign {

const options::Table<CampaignOptions>& campaign_table() {
  using options::Range;
  static const options::Table<CampaignOptions> table({
      options::text("directory", &CampaignOptions::directory,
                    "where the campaign is kept, relative to the study file"),
      options::integer("restart_files_to_keep", &CampaignOptions::restart_files_to_keep,
                       Range::at_least(1), "the newest restart files stay, older ones are removed"),
      options::real("segment_seconds", &CampaignOptions::segment_seconds, Range::at_least(0),
                    "after a round, history and a restart file are written once this much time "
                    "has passed",
                    "s"),
      options::real("segment_megabytes", &CampaignOptions::segment_megabytes, Range::above(0),
                    "and as soon as this much is in the journal", "MB"),
      options::real("fsync_interval_s", &CampaignOptions::fsync_interval_s,
                    Range::between(1e-3, 86400),
                    "answers are forced to the disk this often, beside the work: a kill costs only "
                    "the evaluations in flight, a power failure also those of this long",
                    "s"),
  });
  return table;
}

}  // namespace invar::campaign
