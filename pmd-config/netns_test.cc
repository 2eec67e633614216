#include "pmd-config/netns.h"

#include <fstream>
#include <stdexcept>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pmd-config/container_test_env.h"

namespace weft::test {
namespace {

class NetnsTest : public ContainerTest {};

NetnsIdentity identity_here() {
  struct stat status {};
  EXPECT_EQ(::stat("/proc/thread-self/ns/net", &status), 0);
  return {std::uint64_t{status.st_dev}, std::uint64_t{status.st_ino}};
}

TEST_F(NetnsTest, OpensByPathAndByPid) {
  const TestNetns container;
  const Netns netns = container.open();
  EXPECT_EQ(netns.path(), container.path());
  EXPECT_FALSE(netns.identity() == identity_here());

  Result<Netns> own = Netns::open_pid(::getpid());
  ASSERT_TRUE(own);
  EXPECT_TRUE(own->identity() == identity_here());
}

TEST_F(NetnsTest, RefusesWhatIsNotANamespace) {
  EXPECT_EQ(
      Netns::open_path("/nowhere").error().message,
      "namespace /nowhere: cannot be opened: No such file or directory"
  );
  EXPECT_EQ(
      Netns::open_path("/dev/null").error().message,
      "namespace /dev/null: this is not a network namespace"
  );
  EXPECT_EQ(
      Netns::open_path("/proc/self/ns/uts").error().message,
      "namespace /proc/self/ns/uts: this is not a network namespace"
  );
  EXPECT_EQ(Netns::open_pid(0).error().message, "pid 0: a pid is a positive number");
  EXPECT_FALSE(Netns::open_pid(-1));
}

TEST_F(NetnsTest, DoesNotWaitForTheWriterOfAFifo) {
  const std::string path = "/tmp/weft-fifo-" + std::to_string(::getpid());
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_FALSE(Netns::open_path(path));
  ::unlink(path.c_str());
}

TEST_F(NetnsTest, RunsInsideAndLeavesTheCallerWhereItWas) {
  const TestNetns container;
  const Netns netns = container.open();
  const NetnsIdentity before = identity_here();
  Result<NetnsIdentity> inside =
      netns.run([]() -> Result<NetnsIdentity> { return identity_here(); });
  ASSERT_TRUE(inside);
  EXPECT_TRUE(*inside == netns.identity());
  EXPECT_TRUE(identity_here() == before);
}

TEST_F(NetnsTest, TurnsExceptionsInsideIntoErrors) {
  const TestNetns container;
  const Status thrown =
      container.open().run([]() -> Status { throw std::runtime_error{"no more paper"}; });
  ASSERT_FALSE(thrown);
  EXPECT_EQ(thrown.error().message, "unexpected failure inside a namespace: no more paper");
}

TEST_F(NetnsTest, PrivateNamespaceHasIpv6Off) {
  Result<Netns> netns = Netns::create_private();
  ASSERT_TRUE(netns);
  EXPECT_FALSE(netns->identity() == identity_here());
  const Status checked = netns->run([]() -> Status {
    for (const char* where : {"all", "default", "lo"}) {
      char value = '?';
      std::ifstream{std::string{"/proc/sys/net/ipv6/conf/"} + where + "/disable_ipv6"} >> value;
      if (value != '1') return Error{std::string{where} + " has IPv6 on"};
    }
    return Ok{};
  });
  EXPECT_TRUE(checked) << checked.error().message;
}

TEST_F(NetnsTest, NoticesThatANamespaceIsGone) {
  TestNetns container;
  const NetnsIdentity identity = container.open().identity();
  EXPECT_TRUE(NetnsWatch::still_there(container.path(), identity));
  container.remove();
  EXPECT_FALSE(NetnsWatch::still_there(container.path(), identity));
}

TEST_F(NetnsTest, NoticesThatAPathLeadsToAnotherNamespace) {
  const TestNetns first;
  const TestNetns second;
  EXPECT_FALSE(NetnsWatch::still_there(second.path(), first.open().identity()));
  // An unmounted bind mount leaves the plain file.
  EXPECT_FALSE(NetnsWatch::still_there("/dev/null", first.open().identity()));
}

}  // namespace
}  // namespace weft::test
