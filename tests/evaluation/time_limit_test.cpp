#include "invar/evaluation/time_limit.hpp"

#include <cstdlib>
#include <ctime>

#include <gtest/gtest.h>

namespace {

using invar::evaluation::parse_duration;
using invar::evaluation::parse_moment;

TEST(Duration, IsReadAsBatchSystemsWriteIt) {
  EXPECT_EQ(parse_duration("90"), 90.0);
  EXPECT_EQ(parse_duration("0.5"), 0.5);
  EXPECT_EQ(parse_duration("01:30"), 90.0);
  EXPECT_EQ(parse_duration("12:00:00"), 43200.0);
  EXPECT_EQ(parse_duration("2-01:00:05"), 2 * 86400.0 + 3605);
  EXPECT_EQ(parse_duration("15min"), 900.0);
  EXPECT_EQ(parse_duration("12 h"), 43200.0);
  EXPECT_EQ(parse_duration("1.5d"), 129600.0);
  EXPECT_EQ(parse_duration("30s"), 30.0);
}

TEST(Duration, IsNoneForAnythingElse) {
  for (const char* text :
       {"", "0", "-5", "1e9", "soon", "12:00:00:00", "1-2", "3x", "nan", "5 5"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Moment, IsReadInUtcWithAZ) {
  EXPECT_EQ(parse_moment("1970-01-02T00:00:01Z"), 86401.0);
  EXPECT_EQ(parse_moment("2026-11-22 08:00Z"), 1795334400.0);  // date -u -d ... +%s
}

TEST(Moment, IsReadInLocalTimeWithout) {
  ::setenv("TZ", "UTC+5", 1);  // five hours behind
  ::tzset();

  EXPECT_EQ(parse_moment("1970-01-01T00:00:00"), 5 * 3600.0);

  ::unsetenv("TZ");
  ::tzset();
}

TEST(Moment, IsNoneForDaysThatDoNotExist) {
  for (const char* text : {"2026-02-30T00:00:00", "2026-13-01T00:00:00", "2026-11-22",
                           "2026-11-22T08:61:00", "tomorrow", "N/A", ""}) {
    EXPECT_EQ(parse_moment(text), std::nullopt) << text;
  }
}

}  // namespace
