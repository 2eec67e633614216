#include "control/connector/process.h"

#include <csignal>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/connector/ipam.h"

namespace weft::connector {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

class ProcessTest : public ::testing::Test {
 protected:
  ProcessTest() {
    std::signal(SIGPIPE, SIG_IGN);  // as weft-cni does
    std::string pattern = "/tmp/weft-process-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    folder_ = pattern;
  }
  ~ProcessTest() override {
    ::unlink(script().c_str());
    ::rmdir(folder_.c_str());
  }
  std::string script() const { return folder_ + "/plugin"; }
  std::string write(const std::string& body) const {
    std::ofstream{script()} << "#!/bin/sh\n" << body << '\n';
    ::chmod(script().c_str(), 0755);
    return script();
  }
  IpamCall call() const {
    IpamCall call{"plugin", {}, R"({"cniVersion":"1.1.0","name":"n"})"};
    call.environment.path = "/nowhere:" + folder_;
    call.environment.container = "c1";
    return call;
  }

  std::string folder_;
};

TEST_F(ProcessTest, FeedsAndReads) {
  const std::string big(300'000, 'x');
  const auto ended =
      run_program({write("cat; echo $A"), {"A=b"}, big}, Deadline{milliseconds{5000}});
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->status, 0);
  EXPECT_EQ(ended->output, big + "b\n");
}

TEST_F(ProcessTest, AProgramNeedNotReadItsInput) {
  const auto ended =
      run_program({write("exit 3"), {}, std::string(300'000, 'x')}, Deadline{milliseconds{5000}});
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->status, 3);
}

TEST_F(ProcessTest, IsKilledWithItsChildrenWhenTheTimeIsOver) {
  const auto begin = Deadline::Clock::now();
  const auto ended =
      run_program({write("sleep 60 & sleep 60"), {}, ""}, Deadline{milliseconds{100}});
  ASSERT_FALSE(ended);
  EXPECT_THAT(ended.error().message, HasSubstr("not done in time"));
  EXPECT_LT(Deadline::Clock::now() - begin, std::chrono::seconds{5});
}

TEST_F(ProcessTest, WhatCanNotBeRunIsNamed) {
  const auto ended = run_program({"/nowhere/plugin", {}, ""}, Deadline{milliseconds{1000}});
  ASSERT_FALSE(ended);
  EXPECT_THAT(ended.error().message, HasSubstr("/nowhere/plugin"));
}

TEST_F(ProcessTest, ThePluginsOwnErrorIsPassedOn) {
  write(R"(echo '{"cniVersion":"1.0.0","code":111,"msg":"no more","details":"d"}'; exit 1)");
  const auto leased = ipam_add(call(), Deadline{milliseconds{5000}});
  ASSERT_FALSE(leased);
  EXPECT_EQ(static_cast<int>(leased.error().code), 111);
  EXPECT_EQ(leased.error().message, "ipam plugin: no more");
  EXPECT_EQ(leased.error().details, "d");
}

TEST_F(ProcessTest, APluginThatSaysNothingUsefulIsOurError) {
  for (const char* body : {"exit 1", "echo oops; exit 7", "echo oops"}) {
    write(body);
    const auto leased = ipam_add(call(), Deadline{milliseconds{5000}});
    ASSERT_FALSE(leased) << body;
    EXPECT_EQ(leased.error().code, ProblemCode::ipam_failed) << body;
  }
}

TEST_F(ProcessTest, APluginThatIsNotThereIsNamed) {
  const auto leased = ipam_add(call(), Deadline{milliseconds{5000}});
  ASSERT_FALSE(leased);
  EXPECT_THAT(leased.error().message, HasSubstr("\"plugin\""));
}

TEST_F(ProcessTest, AnOlderPluginIsAskedInItsVersion) {
  write(R"(read -r line
case $line in
  *1.1.0*) echo '{"cniVersion":"1.0.0","code":1,"msg":"incompatible CNI versions"}'; exit 1 ;;
esac
[ "$CNI_COMMAND" = ADD ] || exit 0
echo "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.0.0.1/8\"}]}")");
  const Deadline deadline{milliseconds{5000}};
  const auto leased = ipam_add(call(), deadline);
  ASSERT_TRUE(leased) << leased.error().message;
  EXPECT_EQ(format(leased->addresses.at(0).address), "10.0.0.1/8");
  EXPECT_TRUE(ipam_del(call(), deadline));
  // It came before STATUS and GC: that is no error.
  EXPECT_TRUE(ipam_status(call(), deadline));
  EXPECT_TRUE(ipam_gc(call(), deadline));
}

TEST_F(ProcessTest, APluginThatIsNotReadySaysSo) {
  write(R"(echo '{"cniVersion":"1.1.0","code":50,"msg":"pool empty"}'; exit 1)");
  const Done ready = ipam_status(call(), Deadline{milliseconds{5000}});
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().code, ProblemCode::not_available);
}

}  // namespace
}  // namespace weft::connector
