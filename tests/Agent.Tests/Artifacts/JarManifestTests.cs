using ModuleController.Agent.Artifacts;

namespace ModuleController.Agent.Tests.Artifacts;

public sealed class JarManifestTests
{
    [Fact]
    public void A_manifest_line_is_continued_by_a_blank_and_ends_with_the_main_section()
    {
        var attributes = JarManifest.ParseMainSection(
            "Ark-Biz-Name: a-long-\r\n name\r\nark-biz-version: 1\r\n\r\nName: x\r\nArk-Biz-Name: other\r\n");
        Assert.Equal(("a-long-name", "1"), (attributes["Ark-Biz-Name"], attributes["Ark-Biz-Version"]));
    }
}
