// campaign_equal A.h5 B.h5: whether two packed campaigns are the same answer. Exit code 0: yes;
// 1: no, and the first difference is printed; 2: a file could not be read.
#include <cstdio>
#include <exception>

#include "store/support/campaign_difference.hpp"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: campaign_equal A/campaign.h5 B/campaign.h5\n");
    return 2;
  }
  try {
    const auto difference = invar::store::testing::campaign_difference(argv[1], argv[2]);
    if (difference) {
      std::printf("%s\n", difference->c_str());
    }
    return difference ? 1 : 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "campaign_equal: %s\n", error.what());
    return 2;
  }
}
