using ModuleController.Core.Modules.Rules;
using ModuleController.Protocol;

namespace ModuleController.SystemTests.Gateway;

/// <summary>What a field may hold, a command can carry: the limits of the protocol are those of the table.</summary>
public sealed class ProtocolLimitsTests
{
    [Fact]
    public void Limits_of_the_protocol_are_those_of_the_fields()
    {
        Assert.Equal(Limits.Url, FieldLimits.Url.MaxLength);
        Assert.Equal(Limits.Md5, FieldLimits.Md5.MaxLength);
        Assert.Equal(Limits.Sha256, FieldLimits.Sha256.MaxLength);
        Assert.Equal(Limits.ModuleName, FieldLimits.ModuleVersion.MaxLength);
        Assert.True(FieldLimits.ModuleName.MaxLength <= Limits.ModuleName);
        Assert.Equal(Limits.HookPath, FieldLimits.HookPath.MaxLength);
        Assert.Equal(Limits.HookRetries, FieldLimits.HookRetries.Maximum);
        Assert.Equal(Limits.HookTimeout, TimeSpan.FromSeconds(FieldLimits.HookTimeoutSeconds.Maximum));
        Assert.Equal(Limits.Deadline, TimeSpan.FromSeconds(FieldLimits.InstallTimeoutSeconds.Maximum));
    }

    /// <summary>A url, the sources of a policy and the paths of two hooks at their limits, and a fifth more.</summary>
    [Fact]
    public void A_command_with_every_field_at_its_limit_fits_into_a_message() =>
        Assert.True(
            1.2 * (Limits.Url + (Limits.PolicySources * Limits.PolicySource) + (2 * Limits.HookPath)) < Limits.MessageToAgent);
}
