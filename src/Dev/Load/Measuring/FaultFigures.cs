namespace ModuleController.Dev.Load.Measuring;

/// <summary>Seconds until the bases that do not hang were done, without and with bases that hang.</summary>
public sealed record HangFigures(IReadOnlyList<double> Without, IReadOnlyList<double> With)
{
    public double Ratio => With.Median() / Without.Median();
}

/// <param name="LostLeases">How often a controller ended because it could not renew its Lease in time, on an overloaded machine.</param>
public sealed record KillFigures(
    int Moments, int Installs, int ModulesPerInstall, double Undisturbed, IReadOnlyList<double> AllAvailable, int LostLeases);
