#include "pmd-config/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft {
namespace {

using ::testing::HasSubstr;

DeviceSpec parsed(const char* text) {
  Result<DeviceSpec> spec = parse_device(text);
  EXPECT_TRUE(spec.is_ok()) << text << ": " << (spec ? "" : spec.error().message);
  return spec ? std::move(*spec) : DeviceSpec{};
}

std::string refusal(std::string_view text) {
  const Result<DeviceSpec> spec = parse_device(text);
  return spec ? "accepted" : spec.error().message;
}

TEST(Device, ReadsPciAddresses) {
  const DeviceSpec spec = parsed("0000:3B:00.1");
  EXPECT_EQ(spec.bus, DeviceSpec::Bus::pci);
  EXPECT_EQ(spec.name, "0000:3b:00.1");
  EXPECT_EQ(parsed("3b:1f.7").name, "0000:3b:1f.7");
  EXPECT_EQ(parsed("3b:00.0,mprq_en=1").arguments, "mprq_en=1");
}

TEST(Device, ReadsVirtualDevices) {
  const DeviceSpec spec = parsed("net_af_packet0,iface=eth1,qpairs=2");
  EXPECT_EQ(spec.bus, DeviceSpec::Bus::vdev);
  EXPECT_EQ(spec.name, "net_af_packet0");
  EXPECT_EQ(spec.driver, "net_af_packet");
  EXPECT_EQ(spec.interface, "eth1");
  EXPECT_EQ(spec.argument("qpairs"), "2");
  EXPECT_EQ(spec.argument("pairs"), "");
  EXPECT_TRUE(spec.has_argument("iface"));
  EXPECT_FALSE(spec.has_argument("qpair"));
  EXPECT_EQ(parsed("net_null0").arguments, "");
  EXPECT_EQ(parsed("net_memif12,role=client").driver, "net_memif");
}

TEST(Device, ReadsShortForms) {
  const DeviceSpec spec = parsed("af_packet:eth1.7");
  EXPECT_EQ(spec.name, "net_af_packet_eth1.7");
  EXPECT_EQ(spec.driver, "net_af_packet");
  EXPECT_EQ(spec.arguments, "iface=eth1.7");
  EXPECT_EQ(spec.interface, "eth1.7");
  EXPECT_EQ(parsed("af_xdp:eth1").driver, "net_af_xdp");
  EXPECT_EQ(parsed("tap:weft0").interface, "");  // the driver makes it
}

TEST(Device, RefusesWithASentence) {
  EXPECT_THAT(refusal(""), HasSubstr("empty"));
  EXPECT_THAT(refusal("eth0"), HasSubstr("af_packet:INTERFACE"));
  EXPECT_THAT(refusal("0000:3b:00.8"), HasSubstr("neither a PCI address"));
  EXPECT_THAT(refusal("0000:3b:20.0"), HasSubstr("neither a PCI address"));
  EXPECT_THAT(refusal("af_packet:"), HasSubstr("interface name is missing"));
  EXPECT_THAT(refusal("af_packet:abcdefghijklmnop"), HasSubstr("the limit is 15"));
  EXPECT_THAT(refusal("af_packet:a/b"), HasSubstr("A-Za-z0-9._-"));
  EXPECT_THAT(refusal("af_packet:eth1,x=1"), HasSubstr("A-Za-z0-9._-"));
  EXPECT_THAT(refusal("net_null0,"), HasSubstr("after the last comma"));
  EXPECT_THAT(refusal("net_null0,,a=1"), HasSubstr("key=value"));
  EXPECT_THAT(refusal("net_null0,=1"), HasSubstr("key=value"));
  EXPECT_THAT(refusal("net_af_packet0"), HasSubstr("interface name is missing"));
  EXPECT_THAT(refusal("net_null 0"), HasSubstr("blank"));
  EXPECT_THAT(refusal("net_null0\n"), HasSubstr("blank"));
  EXPECT_THAT(refusal("net_" + std::string(80, 'x')), HasSubstr("the limit is 63"));
}

TEST(Device, CompletesArgumentsForQueuesAndMtu) {
  EXPECT_EQ(devargs_for(parsed("af_packet:e"), 2, 1500), "iface=e,qpairs=2,framecnt=4096");
  EXPECT_EQ(
      devargs_for(parsed("af_packet:e"), 1, 9000),
      "iface=e,qpairs=1,framecnt=1024,framesz=9216,blocksz=36864"
  );
  EXPECT_EQ(
      devargs_for(parsed("net_af_packet0,iface=e,qpairs=4"), 2, 1500),
      "iface=e,qpairs=4,framecnt=4096"
  );
  EXPECT_EQ(devargs_for(parsed("af_xdp:e"), 3, 1500), "iface=e,queue_count=3");
  EXPECT_EQ(devargs_for(parsed("net_vhost0,iface=/run/v"), 2, 1500), "iface=/run/v,queues=2");
  EXPECT_EQ(devargs_for(parsed("net_null0"), 2, 1500), "");
}

TEST(Device, RingFramesFillTheirBlocksAtEveryMtu) {
  for (unsigned mtu = 68; mtu <= 65000; ++mtu) {
    const DeviceSpec sized = parsed(
        ("net_af_packet0," + devargs_for(parsed("af_packet:e"), 1, static_cast<std::uint16_t>(mtu)))
            .c_str()
    );
    if (!sized.has_argument("framesz")) {
      ASSERT_LE(mtu + 84U, 2048U);
      continue;
    }
    const auto frame = static_cast<unsigned>(std::stoul(std::string{sized.argument("framesz")}));
    const auto block = static_cast<unsigned>(std::stoul(std::string{sized.argument("blocksz")}));
    ASSERT_GE(frame, mtu + 84U) << mtu;
    ASSERT_EQ(block % frame, 0U) << mtu;
    ASSERT_EQ(block % 4096U, 0U) << mtu;
    ASSERT_GE(af_packet_slot_octets(static_cast<std::uint16_t>(mtu)), mtu + 18U);
  }
}

TEST(Device, ReadsKernelInterfaces) {
  const Result<KernelInterface> loopback = read_kernel_interface("lo");
  ASSERT_TRUE(loopback.is_ok());
  EXPECT_GT(loopback->mtu, 1500U);
  EXPECT_EQ(loopback->channels, 1U);
  const Result<KernelInterface> none = read_kernel_interface("weft-none");
  ASSERT_FALSE(none.is_ok());
  EXPECT_THAT(none.error().message, HasSubstr("weft-none does not exist"));
}

}  // namespace
}  // namespace weft
