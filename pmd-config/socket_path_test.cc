#include "pmd-config/socket_path.h"

#include <cstdlib>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pmd-config/os.h"

namespace weft {
namespace {

using testing::HasSubstr;

class SocketPath : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(directory_.data()), nullptr); }
  void TearDown() override {
    ::unlink(path_.c_str());
    ::rmdir(directory_.c_str());
  }
  UniqueFd bind_socket(int type) {
    UniqueFd fd{::socket(AF_UNIX, type | SOCK_CLOEXEC, 0)};
    const sockaddr_un address = socket_address(path_);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(fd.get(), 1), 0);
    return fd;
  }
  std::string refusal(const std::string& path, int type = SOCK_SEQPACKET) {
    const Status status = claim_socket_path("c1/eth0", path, type);
    return status ? "accepted" : status.error().message;
  }

  std::string directory_ = "/tmp/weft-socket-test-XXXXXX";
  std::string path_;
};

TEST_F(SocketPath, AcceptsAFreePath) {
  path_ = directory_ + "/s";
  EXPECT_EQ(refusal(path_), "accepted");
}

TEST_F(SocketPath, RefusesPathsThatCanNotWork) {
  EXPECT_THAT(refusal(""), HasSubstr("is not an absolute path"));
  EXPECT_THAT(refusal("relative"), HasSubstr("is not an absolute path"));
  EXPECT_THAT(refusal("/" + std::string(107, 'x')), HasSubstr("has 108 octets"));
  EXPECT_THAT(refusal(directory_ + "/no/s"), HasSubstr("No such file or directory"));
}

TEST_F(SocketPath, NeverRemovesAFileThatIsNoSocket) {
  path_ = directory_ + "/file";
  std::ofstream{path_} << "precious";
  EXPECT_THAT(refusal(path_), HasSubstr("exists and is not a socket"));
  EXPECT_EQ(::access(path_.c_str(), F_OK), 0);
}

TEST_F(SocketPath, RefusesASocketThatSomebodyListensOn) {
  path_ = directory_ + "/s";
  const UniqueFd stream = bind_socket(SOCK_STREAM);
  EXPECT_THAT(refusal(path_, SOCK_STREAM), HasSubstr("is in use"));
  EXPECT_THAT(refusal(path_, SOCK_SEQPACKET), HasSubstr("is in use"));
}

TEST_F(SocketPath, TakesOverAStaleSocket) {
  path_ = directory_ + "/s";
  (void)bind_socket(SOCK_STREAM);
  EXPECT_EQ(refusal(path_), "accepted");
  EXPECT_NE(::access(path_.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace weft
